package signet.signing;

import jakarta.servlet.Filter;
import java.io.File;
import java.nio.file.Files;
import org.apache.catalina.Context;
import org.apache.catalina.Wrapper;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import signet.signing.jakarta.App;
import signet.signing.jakarta.SignatureFilter;

public class TomcatTest extends ServletGuarantees {
    @Override
    protected void serve(RequestVerifier<?> verifier, Served served) throws Exception {
        File base = Files.createTempDirectory("tomcat").toFile();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(base.getPath());
        tomcat.setPort(0);
        Context context = tomcat.addContext("", base.getPath());
        // What its class loader looks for when it stops is closed in newer JDKs.
        ((StandardContext) context).setClearReferencesObjectStreamClassCaches(false);
        ((StandardContext) context).setClearReferencesRmiTargets(false);
        ((StandardContext) context).setClearReferencesThreadLocals(false);
        Wrapper app = Tomcat.addServlet(context, "app", new App());
        app.setAsyncSupported(true);
        for (String path : new String[] {"/form", "/reader", "/forward", "/async", "/stream/*"}) app.addMapping(path);
        filter(context, "before", new App.Before());
        filter(context, "signatures", new SignatureFilter(verifier));
        tomcat.start();
        try {
            served.on(tomcat.getConnector().getLocalPort());
        } finally {
            tomcat.stop();
            tomcat.destroy();
        }
    }

    private static void filter(Context context, String name, Filter filter) {
        FilterDef definition = new FilterDef();
        definition.setFilterName(name);
        definition.setFilter(filter);
        definition.setAsyncSupported("true");
        context.addFilterDef(definition);
        FilterMap map = new FilterMap();
        map.setFilterName(name);
        map.addURLPattern("/*");
        for (String dispatcher : new String[] {"REQUEST", "FORWARD", "ASYNC", "ERROR"}) map.setDispatcher(dispatcher);
        context.addFilterMap(map);
    }
}
