package signet.signing;

import java.util.logging.LogManager;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Runs the classes that it is given, and writes a line for each test: its name, and how many milliseconds it took. */
public final class Run extends RunListener {
    private long began;

    private Run() {}

    public static void main(String[] classes) throws Exception {
        LogManager.getLogManager().reset();
        JUnitCore core = new JUnitCore();
        core.addListener(new Run());
        Class<?>[] tests = new Class<?>[classes.length];
        for (int i = 0; i < tests.length; i++) tests[i] = Class.forName("signet.signing." + classes[i]);
        Result result = core.run(tests);
        for (Failure failure : result.getFailures()) System.err.println(failure.getTestHeader() + "\n" + failure.getTrimmedTrace());
        System.out.println(result.getRunCount() + " tests, " + result.getFailureCount() + " failed");
        System.exit(result.wasSuccessful() ? 0 : 1);
    }

    @Override
    public void testStarted(Description test) {
        began = System.nanoTime();
    }

    @Override
    public void testFinished(Description test) {
        System.out.println(test.getTestClass().getSimpleName() + "." + test.getMethodName() + " " + (System.nanoTime() - began) / 1_000_000);
    }
}
