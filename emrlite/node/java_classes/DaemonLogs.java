package emrlite;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Calendar;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.ILoggerFactory;
import org.slf4j.IMarkerFactory;
import org.slf4j.Logger;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.BasicMarkerFactory;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;
import org.slf4j.helpers.NOPMDCAdapter;
import org.slf4j.spi.MDCAdapter;
import org.slf4j.spi.SLF4JServiceProvider;

/**
 * The logs of a node's daemons, in the form that Spark's and Hadoop's have on EMR: <code>-Dslf4j.provider=emrlite.DaemonLogs</code>
 *
 * <p>Log4j itself takes a tenth of the processor time in which a daemon starts.  <code>emrlite.logs</code> names the folder of the
 * logs, and <code>emrlite.loggers</code> says which log takes what: <code>org.apache.hadoop=namenode,org.apache.spark=spark-master</code>.
 * The longest name decides; what no name fits goes to standard error.
 */
public final class DaemonLogs implements SLF4JServiceProvider, ILoggerFactory {
    /** There are no native libraries of Hadoop on any machine of ours; every log would begin with that. */
    private static final String QUIET = "org.apache.hadoop.util.NativeCodeLoader";

    private final Map loggers = new ConcurrentHashMap();
    private final Map logs = new HashMap();
    private final Log rest = new Log(System.err);
    private final IMarkerFactory markers = new BasicMarkerFactory();
    private final MDCAdapter context = new NOPMDCAdapter();

    public void initialize() {
        Map files = new HashMap();
        String[] pairs = System.getProperty("emrlite.loggers").split(",");
        try {
            for (int at = 0; at < pairs.length; at++) {
                String[] pair = pairs[at].split("=");
                if (!files.containsKey(pair[1])) {
                    File file = new File(System.getProperty("emrlite.logs"), pair[1] + ".log");
                    files.put(pair[1], new Log(new FileOutputStream(file, true)));
                }
                this.logs.put(pair[0], files.get(pair[1]));
            }
        } catch (IOException error) {
            throw new IllegalStateException("a daemon's log cannot be written: " + error.getMessage(), error);
        }
    }

    public String getRequestedApiVersion() {
        return "2.0.99";
    }

    public ILoggerFactory getLoggerFactory() {
        return this;
    }

    public IMarkerFactory getMarkerFactory() {
        return this.markers;
    }

    public MDCAdapter getMDCAdapter() {
        return this.context;
    }

    public Logger getLogger(String name) {
        Logger found = (Logger) this.loggers.get(name);
        if (found == null) {
            Logger made = new Named(name, this.log(name));
            Logger before = (Logger) this.loggers.putIfAbsent(name, made);
            found = before == null ? made : before;
        }
        return found;
    }

    private Log log(String name) {
        String prefix = name;
        while (!this.logs.containsKey(prefix)) {
            int dot = prefix.lastIndexOf('.');
            if (dot < 0) {
                return this.rest;
            }
            prefix = prefix.substring(0, dot);
        }
        return (Log) this.logs.get(prefix);
    }

    private static final class Named extends LegacyAbstractLogger {
        private final transient Log log;
        private final String last;

        Named(String name, Log log) {
            this.name = name;
            this.log = log;
            this.last = name.substring(name.lastIndexOf('.') + 1);
        }

        public boolean isTraceEnabled() {
            return false;
        }

        public boolean isDebugEnabled() {
            return false;
        }

        public boolean isInfoEnabled() {
            return this.isWarnEnabled();
        }

        public boolean isWarnEnabled() {
            return !this.name.equals(QUIET);
        }

        public boolean isErrorEnabled() {
            return true;
        }

        protected String getFullyQualifiedCallerName() {
            return null;
        }

        protected void handleNormalizedLoggingCall(
            Level level, Marker marker, String message, Object[] arguments, Throwable error
        ) {
            String text = arguments == null ? message : MessageFormatter.basicArrayFormat(message, arguments);
            this.log.write(level + " " + this.last + ": " + text + "\n", error);
        }
    }

    /** A file, or standard error. */
    private static final class Log {
        private final OutputStream to;
        private long second;
        private String time;

        Log(OutputStream to) {
            this.to = to;
        }

        synchronized void write(String text, Throwable error) {
            StringWriter more = new StringWriter();
            if (error != null) {
                error.printStackTrace(new PrintWriter(more, true));
            }
            try {
                this.to.write((this.time() + " " + text + more).getBytes(StandardCharsets.UTF_8));
                this.to.flush();
            } catch (IOException full) {
                System.err.println(text + full);
            }
        }

        private String time() {
            long now = System.currentTimeMillis();
            if (this.time == null || now / 1000L != this.second) {
                this.second = now / 1000L;
                Calendar at = new GregorianCalendar();
                at.setTimeInMillis(now);
                this.time = two(at.get(Calendar.YEAR) % 100) + "/" + two(at.get(Calendar.MONTH) + 1) + "/"
                    + two(at.get(Calendar.DAY_OF_MONTH)) + " " + two(at.get(Calendar.HOUR_OF_DAY)) + ":"
                    + two(at.get(Calendar.MINUTE)) + ":" + two(at.get(Calendar.SECOND));
            }
            return this.time;
        }

        private static String two(int number) {
            return number < 10 ? "0" + number : Integer.toString(number);
        }
    }
}
