import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies signatures of docs/signing.md, independently of src/. Java 17, nothing else: `java Verify.java`. Input and
 * output as in verify.py.
 */
public final class Verify {
  private static final Pattern CREDENTIALS = Pattern.compile("Access=([^,]+), SignedHeaders=([^,]+), Signature=(\\w+)");
  private static final HexFormat HEX = HexFormat.of();

  public static void main(String[] arguments) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line; (line = in.readLine()) != null; ) {
      try {
        System.out.println(verify(line) ? "ok" : "FAIL");
      } catch (Exception error) {
        System.out.println("FAIL " + error);
      }
    }
  }

  private static boolean verify(String line) throws Exception {
    byte[][] fields = Arrays.stream(line.split("\t", -1)).map(Base64.getDecoder()::decode).toArray(byte[][]::new);
    if (text(fields[0]).equals("webhook")) return webhook(text(fields[1]), headers(fields[2]), fields[3], text(fields[4]));
    return request(text(fields[1]), text(fields[2]), headers(fields[3]), fields[4], text(fields[5]), text(fields[6]), text(fields[7]), text(fields[8]));
  }

  private static boolean request(String method, String url, Map<String, String> headers, byte[] body,
      String type, String algorithm, String key, String secret) throws Exception {
    String[] authorization = headers.get("authorization").split(" ", 2);
    String scheme = authorization[0];
    if (type.equals("basic")) {
      return scheme.equals("Basic") && same(Base64.getDecoder().decode(authorization[1]), bytes(key + ":" + secret));
    }
    Matcher credentials = CREDENTIALS.matcher(authorization[1]);
    if (!credentials.matches()) return false;
    String access = credentials.group(1);
    byte[] signature = HEX.parseHex(credentials.group(3));
    String canonical = canonicalRequest(method, url, headers, credentials.group(2), body);
    byte[] toSign = bytes(scheme + "\n" + headers.get("x-sdk-date") + "\n" + HEX.formatHex(sha256(bytes(canonical))));
    switch (type) {
      case "hmac":
        return scheme.equals("SDK-HMAC-SHA256") && access.equals(key) && same(signature, hmac(bytes(secret), toSign));
      case "aes":
        var cipher = Cipher.getInstance("AES/CFB/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(bytes(key), "AES"), new IvParameterSpec(bytes(secret)));
        byte[] message = Arrays.copyOf(sha256(toSign), 48);
        String name = HEX.formatHex(hmac(bytes(key), bytes("signet aes key id\n" + secret))).substring(0, 32);
        return scheme.equals("SIGNET-" + algorithm.toUpperCase() + "-MAC") && access.equals(name)
            && same(signature, Arrays.copyOfRange(cipher.doFinal(message), 32, 48));
      case "public_key":
        byte[] der = Base64.getDecoder().decode(key);
        if (!scheme.equals("SIGNET-RSA-PSS-SHA256") || !access.equals(HEX.formatHex(sha256(der)).substring(0, 32))) return false;
        var verifier = Signature.getInstance("RSASSA-PSS");
        verifier.setParameter(new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1));
        return check(verifier, KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der)), toSign, signature);
      default:
        return false;
    }
  }

  private static boolean webhook(String dialect, Map<String, String> headers, byte[] body, String secret) throws Exception {
    if (dialect.equals("x-webhook")) {
      byte[] expected = hmac(bytes(secret), concat(bytes(headers.get("x-webhook-timestamp") + "."), body));
      return Arrays.stream(headers.get("x-webhook-signature").split(",")).anyMatch(given -> same(bytes(given), bytes("sha256=" + HEX.formatHex(expected))));
    }
    byte[] message = concat(bytes(headers.get("webhook-id") + "." + headers.get("webhook-timestamp") + "."), body);
    for (String given : headers.get("webhook-signature").split(" ")) {
      String[] parts = given.split(",", 2);
      byte[] signature = Base64.getDecoder().decode(parts[1]);
      if (secret.startsWith("whpk_")) {
        byte[] der = concat(HEX.parseHex("302a300506032b6570032100"), Base64.getDecoder().decode(secret.substring(5)));
        PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der));
        if (parts[0].equals("v1a") && check(Signature.getInstance("Ed25519"), key, message, signature)) return true;
      } else if (parts[0].equals("v1") && same(signature, hmac(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")), message))) {
        return true;
      }
    }
    return false;
  }

  private static String canonicalRequest(String method, String url, Map<String, String> headers, String signed, byte[] body) throws Exception {
    int mark = url.indexOf('?');
    String path = mark < 0 ? url : url.substring(0, mark);
    String query = mark < 0 ? "" : url.substring(mark + 1);
    List<String> segments = new ArrayList<>();
    for (String segment : path.split("/", -1)) segments.add(encode(decode(segment)));
    path = String.join("/", segments);
    List<byte[][]> pairs = new ArrayList<>();
    for (String pair : query.split("&")) {
      if (pair.isEmpty()) continue;
      String[] both = pair.replace('+', ' ').split("=", 2);
      pairs.add(new byte[][] {decode(both[0]), both.length < 2 ? new byte[0] : decode(both[1])});
    }
    // Unsigned bytes of UTF-8 sort as code points do; String.compareTo would sort by UTF-16 unit.
    pairs.sort((a, b) -> Arrays.equals(a[0], b[0]) ? Arrays.compareUnsigned(a[1], b[1]) : Arrays.compareUnsigned(a[0], b[0]));
    List<String> encoded = new ArrayList<>();
    for (byte[][] pair : pairs) encoded.add(encode(pair[0]) + "=" + encode(pair[1]));
    var lines = new StringBuilder();
    for (String name : signed.split(";")) lines.append(name).append(':').append(headers.get(name).trim()).append('\n');
    String payload = headers.getOrDefault("x-sdk-content-sha256", HEX.formatHex(sha256(body)));
    return String.join("\n", method, path.endsWith("/") ? path : path + "/", String.join("&", encoded), lines, signed, payload);
  }

  /** A percent sign without two hexadecimal digits stays. */
  private static byte[] decode(String text) {
    byte[] raw = bytes(text);
    var out = new ByteArrayOutputStream();
    for (int i = 0; i < raw.length; i++) {
      boolean escape = raw[i] == '%' && i + 2 < raw.length && Character.digit(raw[i + 1], 16) >= 0 && Character.digit(raw[i + 2], 16) >= 0;
      out.write(escape ? Character.digit(raw[i + 1], 16) * 16 + Character.digit(raw[i + 2], 16) : raw[i]);
      if (escape) i += 2;
    }
    return out.toByteArray();
  }

  private static String encode(byte[] raw) {
    var out = new StringBuilder();
    for (byte each : raw) {
      if (each > 0 && (Character.isLetterOrDigit(each) || "-_.~".indexOf(each) >= 0)) out.append((char) each);
      else out.append(String.format("%%%02X", each));
    }
    return out.toString();
  }

  private static Map<String, String> headers(byte[] raw) {
    Map<String, String> headers = new TreeMap<>();
    text(raw).lines().forEach(line -> headers.put(line.substring(0, line.indexOf(':')), line.substring(line.indexOf(':') + 1)));
    return headers;
  }

  private static boolean check(Signature verifier, PublicKey key, byte[] message, byte[] signature) throws Exception {
    verifier.initVerify(key);
    verifier.update(message);
    return verifier.verify(signature);
  }

  private static byte[] hmac(byte[] key, byte[] message) throws Exception {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(message);
  }

  private static byte[] sha256(byte[] message) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(message);
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  private static boolean same(byte[] a, byte[] b) {
    return MessageDigest.isEqual(a, b);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] raw) {
    return new String(raw, StandardCharsets.UTF_8);
  }
}
