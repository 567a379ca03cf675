package signet.signing.jakarta;

import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.Part;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Collections;
import java.util.Enumeration;
import java.util.Locale;
import java.util.Map;
import signet.signing.Form;
import signet.signing.ReceivedBody;

/** A request with the body that was read for verification, and with the parameters of what was signed: the container would read an empty body. */
final class ReceivedRequest extends HttpServletRequestWrapper {
    private static final String FORM = "application/x-www-form-urlencoded";

    private final ReceivedBody body;
    private Stream stream;
    private BufferedReader reader;
    /** Of a form; null until it is needed. */
    private String form;

    ReceivedRequest(HttpServletRequest request, ReceivedBody body) {
        super(request);
        this.body = body;
    }

    @Override
    public ServletInputStream getInputStream() throws IOException {
        if (stream == null) stream = new Stream(body.again(body.isWhole() ? null : super.getInputStream()));
        return stream;
    }

    @Override
    public BufferedReader getReader() throws IOException {
        if (reader == null) {
            boolean json = contentType().startsWith("application/json");
            reader = new BufferedReader(new InputStreamReader(getInputStream(), charset(json ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1)));
        }
        return reader;
    }

    @Override
    public Map<String, String[]> getParameterMap() {
        String query = getQueryString();
        return Form.parameters(query == null ? "" : query, form(), charset(StandardCharsets.UTF_8));
    }

    @Override
    public String getParameter(String name) {
        String[] values = getParameterMap().get(name);
        return values == null ? null : values[0];
    }

    @Override
    public String[] getParameterValues(String name) {
        return getParameterMap().get(name);
    }

    @Override
    public Enumeration<String> getParameterNames() {
        return Collections.enumeration(getParameterMap().keySet());
    }

    /** The container cannot parse a body that has been read. */
    @Override
    public Collection<Part> getParts() throws ServletException {
        throw new ServletException("parts of a verified body are read from getInputStream()");
    }

    @Override
    public Part getPart(String name) throws ServletException {
        throw new ServletException("parts of a verified body are read from getInputStream()");
    }

    private String form() {
        if (form != null) return form;
        if (!"POST".equals(getMethod()) || !contentType().startsWith(FORM)) return form = "";
        try {
            // What is left of a form that report-only mode passes on is not read into memory.
            return form = body.isWhole() ? new String(body.again(null).readAllBytes(), StandardCharsets.ISO_8859_1) : "";
        } catch (IOException notInMemory) {
            throw new UncheckedIOException(notInMemory);
        }
    }

    private String contentType() {
        String type = getContentType();
        return type == null ? "" : type.toLowerCase(Locale.ROOT);
    }

    private Charset charset(Charset otherwise) {
        String name = getCharacterEncoding();
        try {
            return name == null ? otherwise : Charset.forName(name);
        } catch (IllegalArgumentException unknown) {
            return otherwise;
        }
    }

    /** Never blocks, but in report-only mode. */
    private static final class Stream extends ServletInputStream {
        private final InputStream bytes;
        private boolean finished;

        Stream(InputStream bytes) {
            this.bytes = bytes;
        }

        @Override
        public int read() throws IOException {
            int read = bytes.read();
            finished |= read < 0;
            return read;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int read = bytes.read(into, offset, length);
            finished |= read < 0;
            return read;
        }

        @Override
        public int available() throws IOException {
            return bytes.available();
        }

        @Override
        public boolean isFinished() {
            return finished;
        }

        @Override
        public boolean isReady() {
            return true;
        }

        @Override
        public void setReadListener(ReadListener listener) {
            try {
                listener.onDataAvailable();
                if (finished) listener.onAllDataRead();
            } catch (IOException failed) {
                listener.onError(failed);
            }
        }
    }
}
