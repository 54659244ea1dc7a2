// Runs Kafka's command line tools one after another in one JVM, because starting one for each
// would take most of a minute's time. It is no part of the product and knows nothing of any tool.
//
// A line on standard input is one call: TIMEOUT-MS, a file for standard input, a file for what the
// tool prints, the class, and its arguments, separated by the unit separator (0x1f). The answer is
// one line: the exit code, or "timeout", after which the shell is not to be used any more.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

public class ToolShell {
    /** What a tool throws where it would have ended the process. */
    private static final class Left extends Error {
        Left() {
            super("the tool left", null, false, false);
        }
    }

    private static volatile Integer code;
    private static final List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());

    private static void leave(int status) {
        if (code == null) {
            code = status; // a tool may catch what is thrown and exit once more
        }
        throw new Left();
    }

    public static void main(String[] none) throws Exception {
        PrintStream answers = System.out;
        Exit.setExitProcedure((status, message) -> leave(status));
        Exit.setHaltProcedure((status, message) -> leave(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        BufferedReader calls =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            String[] call = line.split("\u001f", -1);
            answers.println(run(call));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static String run(String[] call) throws Exception {
        code = null;
        hooks.clear();
        try (InputStream in = new FileInputStream(call[1]);
                PrintStream out = new PrintStream(new FileOutputStream(call[2]), true, "UTF-8")) {
            System.setIn(in);
            System.setOut(out);
            System.setErr(out);
            String[] arguments = Arrays.copyOfRange(call, 4, call.length);
            Thread thread = new Thread(() -> tool(call[3], arguments));
            thread.start();
            thread.join(Long.parseLong(call[0]));
            if (thread.isAlive()) {
                return "timeout";
            }
            out.flush();
        }
        return Integer.toString(code == null ? 0 : code);
    }

    private static void tool(String name, String[] arguments) {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Left)) {
                thrown.getCause().printStackTrace();
                code = 1; // as the JVM does with what main does not catch
            }
        } catch (ReflectiveOperationException missing) {
            System.err.println("no tool " + name + ": " + missing);
            code = 127;
        }
        for (Runnable hook : new ArrayList<>(hooks)) {
            try {
                hook.run();
            } catch (Throwable thrown) {
                // A hook runs when a process ends; nobody would hear of this.
            }
        }
    }
}
