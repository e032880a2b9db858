package emrlite;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What Spark keeps for a whole JVM, as it was before: numbers that it counts up (of queries, columns, plans), what it worked out
 * once and for all from the first configuration that it saw.
 *
 * <p>The numbers of accumulators go on: Spark holds on to old ones by their numbers.
 */
final class Before {
    private static final String[] KEEPERS = {
        "org.apache.spark.SparkEnv$", "org.apache.spark.deploy.SparkHadoopUtil$", "org.apache.spark.internal.Logging$",
        "org.apache.spark.rdd.RDDOperationScope$", "org.apache.spark.resource.ResourceProfile$",
        "org.apache.spark.sql.catalyst.expressions.CommonExpressionId$", "org.apache.spark.sql.catalyst.expressions.NamedExpression$",
        "org.apache.spark.sql.catalyst.expressions.UnresolvedNamedLambdaVariable$",
        "org.apache.spark.sql.catalyst.expressions.objects.LambdaVariable$",
        "org.apache.spark.sql.catalyst.plans.logical.CTERelationDef$", "org.apache.spark.sql.classic.Dataset$",
        "org.apache.spark.sql.execution.BaseLimitExec$", "org.apache.spark.sql.execution.QueryExecution$",
        "org.apache.spark.sql.execution.SQLExecution$", "org.apache.spark.sql.execution.SparkPlan$",
        "org.apache.spark.sql.execution.WholeStageCodegenExec$", "org.apache.spark.sql.internal.SharedState$",
        "org.apache.spark.util.SparkStringUtils$", "org.apache.spark.util.Utils$",
    };
    private final List fields = new ArrayList();
    private final List values = new ArrayList();
    private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

    Before() throws Exception {
        for (int keeper = 0; keeper < KEEPERS.length; keeper++) {
            Field[] all = Class.forName(KEEPERS[keeper]).getDeclaredFields();
            for (int at = 0; at < all.length; at++) {
                boolean counts = isNumber(all[at].getType());
                boolean changes = Modifier.isStatic(all[at].getModifiers()) && !Modifier.isFinal(all[at].getModifiers());
                if (counts || changes) {
                    all[at].setAccessible(true);
                    this.fields.add(all[at]);
                    Object value = all[at].get(null);
                    this.values.add(counts && value != null ? Long.valueOf(((Number) value).longValue()) : value);
                }
            }
        }
    }

    private static boolean isNumber(Class type) {
        return type == AtomicLong.class || type == AtomicInteger.class;
    }

    void restore() throws Exception {
        Iterator value = this.values.iterator();
        Iterator field = this.fields.iterator();
        while (field.hasNext()) {
            put((Field) field.next(), value.next());
        }
        Thread.currentThread().setContextClassLoader(this.loader);
        Thread.setDefaultUncaughtExceptionHandler(null);
    }

    private static void put(Field field, Object before) throws Exception {
        if (before == null || !isNumber(field.getType())) {
            field.set(null, before);
        } else if (field.getType() == AtomicLong.class) {
            ((AtomicLong) field.get(null)).set(((Long) before).longValue());
        } else {
            ((AtomicInteger) field.get(null)).set(((Long) before).intValue());
        }
    }
}
