package emrlite;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.lang.reflect.Method;

/**
 * Ends a JVM whose main method has returned, or that was told to end by SIGTERM, as soon as all its shutdown hooks have run.
 *
 * <p>Java itself would wait 0.3 s more for threads that are somewhere in native code, and Spark's always are
 * (<code>VM_Exit::wait_for_threads_in_native_to_block</code>).  An end by <code>System.exit</code> or by an exception is left as it is.
 */
final class Ending implements Runnable {
    /** The last of the ten slots of <code>java.lang.Shutdown</code>, which runs them in their order. */
    private static final Integer LAST = Integer.valueOf(9);
    /** What Java ends with by a SIGTERM, in a thread of that name (<code>java.lang.Terminator</code>). */
    private static final int TERMINATED = 128 + 15;
    private static final String TERMINATOR = "SIGTERM handler";
    private final Function exit = NativeLibrary.getProcess().getFunction("_exit");
    private volatile boolean returned;

    Ending() throws Exception {
        Method add = Class.forName("java.lang.Shutdown").getDeclaredMethod(
            "add", new Class[] {int.class, boolean.class, Runnable.class});
        add.setAccessible(true);
        add.invoke(null, new Object[] {LAST, Boolean.FALSE, this});
    }

    /** The main method has returned: the exit code is 0, unless somebody calls <code>System.exit</code> yet. */
    void returned() {
        this.returned = true;
    }

    public void run() {
        StackTraceElement[] stack = Thread.currentThread().getStackTrace();
        for (int at = 0; at < stack.length; at++) {
            // What Java calls when the last thread that is no daemon has ended; `exit` would stand here otherwise.
            if (this.returned && isIn(stack[at], "java.lang.Shutdown", "shutdown")) {
                this.exit.invoke(new Object[] {Integer.valueOf(0)});
            }
            if (isIn(stack[at], "java.lang.Terminator$1", "handle") && Thread.currentThread().getName().equals(TERMINATOR)) {
                this.exit.invoke(new Object[] {Integer.valueOf(TERMINATED)});
            }
        }
    }

    private static boolean isIn(StackTraceElement frame, String type, String method) {
        return frame.getClassName().equals(type) && frame.getMethodName().equals(method);
    }
}
