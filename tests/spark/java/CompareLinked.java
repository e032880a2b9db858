import java.io.InputStream;
import java.lang.invoke.CallSite;
import java.lang.invoke.LambdaMetafactory;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.SerializedLambda;
import java.lang.invoke.StringConcatFactory;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.Handle;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.apache.xbean.asm9.tree.AbstractInsnNode;
import org.apache.xbean.asm9.tree.ClassNode;
import org.apache.xbean.asm9.tree.FieldInsnNode;
import org.apache.xbean.asm9.tree.InvokeDynamicInsnNode;
import org.apache.xbean.asm9.tree.MethodInsnNode;
import org.apache.xbean.asm9.tree.MethodNode;
import org.apache.xbean.asm9.tree.TypeInsnNode;
import org.apache.xbean.asm9.tree.VarInsnNode;
import scala.reflect.ClassTag$;

/**
 * Compares each class of an archive of what is linked ahead with the one of that name further on the class path, and each thing that
 * is linked in it with what this Java makes of the same: <code>CompareLinked ARCHIVE</code>
 *
 * <p>Java 17 writes the classes that it makes for lambdas into a directory, if it is told to; these are compared by their code.
 */
public final class CompareLinked {
    private static int classes;
    private static int lambdas;
    private static int concatenations;
    private static final SerializerInstance KRYO = new KryoSerializer(new SparkConf(false)).newInstance();
    private static final String WRITTEN = "jdk.internal.lambda.dumpProxyClasses";
    /** Of classes that are linked ahead: the code of each of its lambdas, in order. */
    private static final Map CODE = new HashMap();

    public static void main(String[] words) throws Throwable {
        JarFile archive = new JarFile(words[0]);
        for (Enumeration entries = archive.entries(); entries.hasMoreElements();) {
            String name = ((JarEntry) entries.nextElement()).getName();
            if (!name.endsWith(".class")) {
                continue;
            }
            List found = Collections.list(ClassLoader.getSystemResources(name));
            boolean made = name.matches(".*\\$\\$(Lambda\\$of\\d+|Concat)\\.class");
            same(name + " is found so often", Integer.valueOf(made ? 1 : 2), Integer.valueOf(found.size()));
            if (made && !name.endsWith("$$Concat.class")) {
                ClassNode lambda = read((URL) found.get(0));
                if (!CODE.containsKey(hostOf(lambda))) {
                    CODE.put(hostOf(lambda), new ArrayList());
                }
                ((List) CODE.get(hostOf(lambda))).add(called(lambda));
            } else if (!made && !name.equals("com/esotericsoftware/kryo/Kryo.class")) {
                compare(read((URL) found.get(1)), read((URL) found.get(0)));
                String version = ((JarURLConnection) ((URL) found.get(1)).openConnection()).getMainAttributes().getValue("Implementation-Version");
                same("the version of " + name, "" + version, "" + type(name).getPackage().getImplementationVersion());
                classes++;
            }
        }
        System.out.println(classes + " " + lambdas + " " + concatenations + " " + written(Paths.get(System.getProperty(WRITTEN))));
    }

    /** How many lambdas that are linked ahead have the code of one of the same class that Java has written. */
    private static int written(Path directory) throws Throwable {
        int count = 0;
        Object[] files = Files.walk(directory).toArray();
        for (int at = 0; at < files.length; at++) {
            if (files[at].toString().endsWith(".class")) {
                ClassNode node = read(((Path) files[at]).toUri().toURL());
                List here = (List) CODE.get(hostOf(node));
                if (here != null && here.remove(called(node))) {
                    count++;
                }
            }
        }
        return count;
    }

    private static String hostOf(ClassNode lambda) {
        return lambda.name.substring(0, lambda.name.indexOf("$$Lambda$"));
    }

    /** The code of a lambda, but for how it is made and written. */
    private static String called(ClassNode lambda) {
        TreeSet found = new TreeSet();
        for (int at = 0; at < lambda.methods.size(); at++) {
            MethodNode method = (MethodNode) lambda.methods.get(at);
            boolean call = (method.access & (Opcodes.ACC_STATIC | Opcodes.ACC_PRIVATE)) == 0;
            StringBuilder code = new StringBuilder(method.access + method.name + method.desc);
            for (int nth = 0; call && nth < method.instructions.size(); nth++) {
                if (method.instructions.get(nth).getOpcode() >= 0) { // no label
                    code.append('\n').append(told(method.instructions.get(nth)).replace(lambda.name, "of the lambda: "));
                }
            }
            if (call) {
                found.add(code.toString());
            }
        }
        return found.toString();
    }

    private static Class type(String file) throws Throwable {
        String name = file.substring(0, file.lastIndexOf('.')).replace('/', '.');
        return Class.forName(name, false, ClassLoader.getSystemClassLoader());
    }

    private static ClassNode read(URL from) throws Throwable {
        ClassNode node = new ClassNode();
        InputStream in = from.openStream();
        new ClassReader(in.readAllBytes()).accept(node, 0);
        in.close();
        return node;
    }

    private static void same(String what, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new IllegalStateException(what + ": " + expected + " is wanted, not " + found);
        }
    }

    /** With the calls of the one in the other, both are the same file. */
    private static void compare(ClassNode before, ClassNode after) throws Throwable {
        Class host = type(before.name + ".class");
        for (int at = 0; at < before.methods.size(); at++) {
            MethodNode one = (MethodNode) before.methods.get(at);
            MethodNode other = (MethodNode) after.methods.get(at);
            same(before.name + "." + one.name, Integer.valueOf(one.instructions.size()), Integer.valueOf(other.instructions.size()));
            for (int nth = 0; nth < one.instructions.size(); nth++) {
                AbstractInsnNode was = one.instructions.get(nth);
                AbstractInsnNode is = other.instructions.get(nth);
                if (was instanceof InvokeDynamicInsnNode && is instanceof MethodInsnNode) {
                    compare(host, (InvokeDynamicInsnNode) was, (MethodInsnNode) is);
                    one.instructions.set(was, is.clone(new HashMap()));
                }
            }
        }
        same(before.name, Boolean.TRUE, Boolean.valueOf(Arrays.equals(bytes(before), bytes(after))));
    }

    private static byte[] bytes(ClassNode node) {
        ClassWriter written = new ClassWriter(0);
        node.accept(written);
        return written.toByteArray();
    }

    private static String told(AbstractInsnNode node) {
        String found = node.getType() + " " + node.getOpcode() + " ";
        switch (node.getType()) {
            case AbstractInsnNode.METHOD_INSN:
                MethodInsnNode call = (MethodInsnNode) node;
                return found + call.owner + call.name + call.desc + call.itf;
            case AbstractInsnNode.FIELD_INSN:
                FieldInsnNode field = (FieldInsnNode) node;
                return found + field.owner + field.name + field.desc;
            case AbstractInsnNode.TYPE_INSN: return found + ((TypeInsnNode) node).desc;
            case AbstractInsnNode.VAR_INSN: return found + ((VarInsnNode) node).var;
            default: return found;
        }
    }

    private static void compare(Class host, InvokeDynamicInsnNode was, MethodInsnNode is) throws Throwable {
        same("the shape of " + is.owner, was.desc + Opcodes.INVOKESTATIC, is.desc + is.getOpcode());
        Class made = Class.forName(is.owner.replace('/', '.'), false, host.getClassLoader());
        MethodHandles.Lookup lookup = MethodHandles.privateLookupIn(host, MethodHandles.lookup());
        MethodType shape = MethodType.fromMethodDescriptorString(was.desc, host.getClassLoader());
        MethodHandle maker = lookup.findStatic(made, is.name, shape);
        Object[] values = values(shape);
        if (was.bsm.getName().equals("altMetafactory")) {
            Object[] said = new Object[was.bsmArgs.length];
            for (int at = 0; at < said.length; at++) {
                said[at] = was.bsmArgs[at];
                if (said[at] instanceof Type) {
                    said[at] = MethodType.fromMethodDescriptorString(((Type) said[at]).getDescriptor(), host.getClassLoader());
                } else if (said[at] instanceof Handle) {
                    Handle handle = (Handle) said[at];
                    said[at] = lookup.findStatic(
                        host, handle.getName(), MethodType.fromMethodDescriptorString(handle.getDesc(), host.getClassLoader()));
                }
            }
            CallSite site = LambdaMetafactory.altMetafactory(lookup, was.name, shape, said);
            Object one = site.getTarget().invokeWithArguments(values);
            Object other = maker.invokeWithArguments(values);
            same(is.owner, form(one), form(other));
            same(is.owner, serialized(one), serialized(other));
            same(is.owner + " as Kryo writes it", ByteBuffer.wrap(kryo(one)), ByteBuffer.wrap(kryo(other)));
            boolean alone = values.length == 0;
            same(is.owner + " is one object", Boolean.valueOf(alone), Boolean.valueOf(other == maker.invokeWithArguments(values)));
            lambdas++;
        } else {
            Object[] constants = Arrays.copyOfRange(was.bsmArgs, 1, was.bsmArgs.length);
            CallSite site = StringConcatFactory.makeConcatWithConstants(lookup, was.name, shape, (String) was.bsmArgs[0], constants);
            same(is.owner + "." + is.name, site.getTarget().invokeWithArguments(values), maker.invokeWithArguments(values));
            concatenations++;
        }
    }

    /** Something for each type, null for most. */
    private static Object[] values(MethodType shape) {
        List found = new ArrayList();
        for (int at = 0; at < shape.parameterCount(); at++) {
            Class type = shape.parameterType(at);
            Object value = null;
            if (type == String.class || type == Object.class && at % 2 == 1) {
                value = "text " + at;
            } else if (type == int.class) {
                value = Integer.valueOf(-at - 1);
            } else if (type == long.class) {
                value = Long.valueOf(1L << 40 + at % 20);
            } else if (type == double.class) {
                value = Double.valueOf(1e22 / (at + 3));
            } else if (type == float.class) {
                value = Float.valueOf(1f / (at + 3));
            } else if (type == boolean.class) {
                value = Boolean.valueOf(at % 2 == 0);
            } else if (type == char.class) {
                value = Character.valueOf((char) ('a' + at));
            } else if (type == short.class) {
                value = Short.valueOf((short) -at);
            } else if (type == byte.class) {
                value = Byte.valueOf((byte) -at);
            }
            found.add(value);
        }
        return found.toArray();
    }

    private static String form(Object lambda) {
        Class type = lambda.getClass();
        TreeSet found = new TreeSet();
        Method[] methods = type.getDeclaredMethods();
        for (int at = 0; at < methods.length; at++) {
            if (!Modifier.isStatic(methods[at].getModifiers())) {
                found.add(methods[at].getModifiers() + methods[at].getName() + MethodType.methodType(
                    methods[at].getReturnType(), methods[at].getParameterTypes()));
            }
        }
        TreeSet interfaces = new TreeSet();
        for (int at = 0; at < type.getInterfaces().length; at++) {
            interfaces.add(type.getInterfaces()[at].getName());
        }
        return type.isSynthetic() + " " + type.getModifiers() + type.getPackage() + interfaces + found;
    }

    /** What Kryo writes, which looks at the name of a class to tell what it is. */
    private static byte[] kryo(Object lambda) {
        ByteBuffer written = KRYO.serialize(lambda, ClassTag$.MODULE$.Any());
        byte[] found = new byte[written.remaining()];
        written.get(found);
        return found;
    }

    /** What is written in the place of the lambda. */
    private static String serialized(Object lambda) throws Throwable {
        Method method = lambda.getClass().getDeclaredMethod("writeReplace", new Class[0]);
        method.setAccessible(true);
        SerializedLambda found = (SerializedLambda) method.invoke(lambda, new Object[0]);
        StringBuilder captured = new StringBuilder();
        for (int at = 0; at < found.getCapturedArgCount(); at++) {
            captured.append(" " + found.getCapturedArg(at));
        }
        return found + " " + found.getCapturingClass() + found.getFunctionalInterfaceMethodSignature() + captured;
    }
}
