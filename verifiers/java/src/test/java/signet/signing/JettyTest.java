package signet.signing;

import java.util.EnumSet;
import javax.servlet.DispatcherType;
import javax.servlet.Filter;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.FilterHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import signet.signing.javax.App;
import signet.signing.javax.SignatureFilter;

public class JettyTest extends ServletGuarantees {
    @Override
    protected void serve(RequestVerifier<?> verifier, Served served) throws Exception {
        Server server = new Server();
        HttpConfiguration settings = new HttpConfiguration();
        // Jetty itself would wait for the body.
        settings.setDelayDispatchUntilContent(false);
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(settings));
        server.addConnector(connector);
        ServletContextHandler context = new ServletContextHandler();
        filter(context, new App.Before());
        filter(context, new SignatureFilter(verifier));
        ServletHolder app = new ServletHolder(new App());
        app.setAsyncSupported(true);
        for (String path : new String[] {"/form", "/reader", "/forward", "/async", "/stream/*"}) context.addServlet(app, path);
        server.setHandler(context);
        server.start();
        try {
            served.on(connector.getLocalPort());
        } finally {
            server.stop();
        }
    }

    private static void filter(ServletContextHandler context, Filter filter) {
        FilterHolder holder = new FilterHolder(filter);
        holder.setAsyncSupported(true);
        context.addFilter(holder, "/*", EnumSet.of(DispatcherType.REQUEST, DispatcherType.FORWARD, DispatcherType.ASYNC, DispatcherType.ERROR));
    }
}
