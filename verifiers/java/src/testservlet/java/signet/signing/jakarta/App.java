package signet.signing.jakarta;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Answers with what it reads. */
public final class App extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException, ServletException {
        String path = request.getServletPath();
        if (path.equals("/forward") && request.getAttribute("forwarded") == null) {
            request.setAttribute("forwarded", true);
            request.getRequestDispatcher("/stream").forward(request, response);
            return;
        }
        if (path.equals("/async") && request.getAttribute("dispatched") == null) {
            request.setAttribute("dispatched", true);
            AsyncContext context = request.startAsync();
            context.dispatch("/stream");
            return;
        }
        String read;
        if (path.equals("/form")) {
            Map<String, String[]> sorted = new TreeMap<>(request.getParameterMap());
            read = sorted.entrySet().stream().map(each -> each.getKey() + "=" + String.join("+", each.getValue())).collect(Collectors.joining(" "));
        } else if (path.equals("/reader")) {
            read = request.getReader().lines().collect(Collectors.joining());
        } else {
            byte[] bytes = request.getInputStream().readAllBytes();
            read = new String(bytes, 0, Math.min(bytes.length, 40), StandardCharsets.UTF_8) + (bytes.length > 40 ? "… " + bytes.length : "");
        }
        response.setCharacterEncoding("UTF-8");
        response.getWriter().write("<" + SignatureFilter.keyIdOf(request) + "> " + read);
    }

    /** Does before the signature filter what the header Before says. */
    public static final class Before implements Filter {
        @Override
        public void init(FilterConfig config) {}

        @Override
        public void destroy() {}

        @Override
        public void doFilter(ServletRequest given, ServletResponse response, FilterChain chain) throws IOException, ServletException {
            HttpServletRequest request = (HttpServletRequest) given;
            switch (Stream.of(request.getHeader("Before")).map(String::valueOf).findFirst().get()) {
                case "stream":
                    request.getInputStream().readAllBytes();
                    break;
                case "part":
                    request.getInputStream().read();
                    break;
                case "parameter":
                    request.getParameter("a");
                    break;
                case "reader":
                    request.getReader();
                    break;
                case "cached":
                    request = new Cached(request);
                    request.getInputStream().readAllBytes();
                    break;
                default:
                    break;
            }
            chain.doFilter(request, response);
        }
    }

    /** Gives its body to each reader anew, like wrappers that log bodies. */
    private static final class Cached extends HttpServletRequestWrapper {
        private final byte[] body;

        Cached(HttpServletRequest request) throws IOException {
            super(request);
            body = request.getInputStream().readAllBytes();
        }

        @Override
        public ServletInputStream getInputStream() {
            InputStream bytes = new ByteArrayInputStream(body);
            return new ServletInputStream() {
                @Override
                public int read() throws IOException {
                    return bytes.read();
                }

                @Override
                public boolean isFinished() {
                    return false;
                }

                @Override
                public boolean isReady() {
                    return true;
                }

                @Override
                public void setReadListener(ReadListener listener) {
                    throw new UnsupportedOperationException();
                }
            };
        }
    }
}
