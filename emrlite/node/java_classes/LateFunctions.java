package emrlite;

import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.FunctionIdentifier$;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry$;
import org.apache.spark.sql.catalyst.analysis.SimpleFunctionRegistry;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Function1;
import scala.runtime.AbstractFunction1;

/**
 * Spark ML's functions, which come when the first of them is called.
 *
 * <p>Spark registers these three in each driver as its first session begins, for what it finds as a service
 * (<code>InternalFunctionRegistration</code>), and needs all of Scala's reflection for that: 0.8 s of a core, in a job that
 * calls none of them.  So the service is hidden, and what stands under their names until then registers them.
 */
final class LateFunctions extends AbstractFunction1 {
    private static final String SERVICE = "META-INF/services/org.apache.spark.sql.SparkSessionExtensionsProvider";
    private static final String ARCHIVE = "spark-mllib_";
    private static final String REGISTRATION = "org.apache.spark.sql.ml.InternalFunctionRegistration$";
    private static final String[] NAMES = {"vector_to_array", "array_to_vector", "aggregate_metrics"};

    private final FunctionIdentifier name;

    private LateFunctions(FunctionIdentifier name) {
        this.name = name;
    }

    /** Puts the functions off, where the <code>path</code> of this JVM is one that can hide something; there may be none. */
    static void defer(ClassPath path) {
        SimpleFunctionRegistry registry = FunctionRegistry$.MODULE$.internal();
        for (int at = 0; at < NAMES.length; at++) {
            if (registry.lookupFunctionBuilder(named(NAMES[at])).isDefined()) {
                return; // another Spark, which registers them by itself
            }
        }
        if (path == null || !path.hide(SERVICE, ARCHIVE)) {
            return;
        }
        for (int at = 0; at < NAMES.length; at++) {
            FunctionIdentifier name = named(NAMES[at]);
            registry.registerFunction(name, new ExpressionInfo(LateFunctions.class.getName(), NAMES[at]), new LateFunctions(name));
        }
    }

    private static FunctionIdentifier named(String name) {
        return FunctionIdentifier$.MODULE$.apply(name);
    }

    /** Calls what Spark registers under the name, with the <code>children</code> of the call. */
    public Object apply(Object children) {
        SimpleFunctionRegistry registry = FunctionRegistry$.MODULE$.internal();
        synchronized (registry) { // nobody shall look for them between, and to replace them would be a warning
            if (registry.lookupFunctionBuilder(this.name).get() == this) {
                for (int at = 0; at < NAMES.length; at++) {
                    registry.dropFunction(named(NAMES[at]));
                }
                try {
                    Class.forName(REGISTRATION);
                } catch (ClassNotFoundException error) {
                    throw new IllegalStateException(error);
                }
            }
        }
        return ((Function1) registry.lookupFunctionBuilder(this.name).get()).apply(children);
    }
}
