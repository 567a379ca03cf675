package signet.signing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The answer to a request that was sent byte by byte. */
final class Answered {
    private static final Pattern LENGTH = Pattern.compile("(?i)\r\ncontent-length: *([0-9]+)\r\n");

    final int status;
    final String head;
    final String text;

    private Answered(String received) {
        int end = received.indexOf("\r\n\r\n");
        head = received.substring(0, end);
        status = Integer.parseInt(head.substring(9, 12));
        String body = received.substring(end + 4);
        text = head.toLowerCase().contains("transfer-encoding: chunked") ? body.replaceAll("(?m)^[0-9a-fA-F]+\r\n|\r\n", "") : body;
    }

    /** The code of a refusal; empty if there is none. */
    String code() {
        return text.startsWith("{") ? text.replaceAll("(?s)^\\{\"code\":\"(\\w+)\".*", "$1") : "";
    }

    @Override
    public String toString() {
        return status + " " + text;
    }

    /** A request to build. */
    static final class Request {
        private final String method;
        private final String target;
        private final byte[] body;
        private final List<String> headers = new ArrayList<>();
        private final Map<String, String> signed = new LinkedHashMap<>();
        private boolean chunked;
        private boolean withoutBody;

        Request(String method, String target, String body) {
            this.method = method;
            this.target = target;
            this.body = body.getBytes(StandardCharsets.UTF_8);
        }

        Request signed(Signer signer) {
            signed.putAll(signer.sign(method, target, "backend.internal", body));
            return this;
        }

        Request header(String name, String value) {
            headers.add(name + ": " + value);
            return this;
        }

        Request chunked() {
            chunked = true;
            return this;
        }

        /** Its length is announced all the same. */
        Request withoutBody() {
            withoutBody = true;
            return this;
        }

        String authorization() {
            return signed.get("Authorization");
        }

        Answered sendTo(int port) throws IOException {
            try (Socket socket = new Socket("127.0.0.1", port)) {
                // A server that never answers fails the test.
                socket.setSoTimeout(60_000);
                OutputStream out = socket.getOutputStream();
                StringBuilder head = new StringBuilder(method + " " + target + " HTTP/1.1\r\nHost: backend.internal\r\nConnection: close\r\n");
                signed.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
                headers.forEach(each -> head.append(each).append("\r\n"));
                if (chunked) head.append("Transfer-Encoding: chunked\r\n");
                else if (body.length > 0) head.append("Content-Length: ").append(body.length).append("\r\n");
                ByteArrayOutputStream sent = new ByteArrayOutputStream();
                sent.writeBytes((head + "\r\n").getBytes(StandardCharsets.UTF_8));
                if (!withoutBody) {
                    if (chunked && body.length > 0) sent.writeBytes((Integer.toHexString(body.length) + "\r\n").getBytes(StandardCharsets.UTF_8));
                    sent.writeBytes(body);
                    if (chunked) sent.writeBytes(((body.length > 0 ? "\r\n" : "") + "0\r\n\r\n").getBytes(StandardCharsets.UTF_8));
                }
                out.write(sent.toByteArray());
                out.flush();
                return new Answered(read(socket.getInputStream()));
            }
        }

        /** Reads up to the end of the answer: some servers hold a connection until they have the body that they did not read. */
        private static String read(InputStream in) throws IOException {
            ByteArrayOutputStream received = new ByteArrayOutputStream();
            byte[] chunk = new byte[4096];
            for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                received.write(chunk, 0, read);
                String text = received.toString(StandardCharsets.ISO_8859_1);
                int end = text.indexOf("\r\n\r\n");
                Matcher length = LENGTH.matcher(text);
                if (end >= 0 && length.find() && text.length() - end - 4 >= Integer.parseInt(length.group(1))) break;
                if (text.endsWith("\r\n0\r\n\r\n")) break;
            }
            return received.toString(StandardCharsets.UTF_8);
        }
    }
}
