package emrlite;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.Handle;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;

/**
 * Links ahead what Java links anew in each JVM as a program runs: <code>LinkedAhead LIST ARCHIVE [all]</code>
 *
 * <p>For each lambda that can be serialized, as all of Scala's can, Java makes a class when the program gets there, and for
 * strings put together a chain of methods; class data keeps neither (<code>LambdaProxyClassArchive</code>).  A driver makes
 * 3,700 such classes.  So those classes of the list in which it happens are written into the archive once more, with a call
 * of a class made here in the place of each <code>invokedynamic</code> whose class the list names; with <code>all</code>, of
 * each.  Nothing else in them is another, but that Kryo takes these lambdas for what it takes Java's for.
 */
public final class LinkedAhead extends ClassVisitor {
    /** Where Scala's lambdas are.  Java lets nobody add classes to some packages of others: they are sealed. */
    private static final String[] PACKAGES = {"com/fasterxml/jackson/module/scala/", "org/apache/spark/", "scala/"};

    /** Tells lambdas by a slash, which only Java can put into the name of a class (<code>Kryo.isClosure</code>). */
    private static final String KRYO = "com/esotericsoftware/kryo/Kryo";
    private static final String LAMBDA = "$$Lambda$of";

    private final String name;
    private final Set wanted;
    private final Map methods;
    private final Map made = new LinkedHashMap();
    private Concatenations joined;
    private int lambdas;
    private int concatenations;
    private boolean knowsLambdas;

    private LinkedAhead(ClassVisitor to, String name, Set wanted, Map methods) {
        super(Opcodes.ASM9, to);
        this.name = name;
        this.wanted = wanted;
        this.methods = methods;
    }

    public static void main(String[] words) throws Exception {
        List names = Files.readAllLines(Paths.get(words[0]));
        Set wanted = words.length > 2 ? null : new HashSet(names);
        Map files = new LinkedHashMap();
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        for (Iterator left = names.iterator(); left.hasNext();) {
            String name = (String) left.next();
            if (isOfScala(name)) {
                link(name, wanted, files, manifest);
            }
        }
        link(KRYO, wanted, files, manifest);
        ZipOutputStream archive = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(Paths.get(words[1]))));
        try {
            archive.setLevel(1);
            archive.putNextEntry(entry(JarFile.MANIFEST_NAME));
            manifest.write(archive);
            for (Iterator left = files.entrySet().iterator(); left.hasNext();) {
                Map.Entry one = (Map.Entry) left.next();
                archive.putNextEntry(entry(one.getKey() + ".class"));
                archive.write((byte[]) one.getValue());
            }
        } finally {
            archive.close();
        }
    }

    private static ZipEntry entry(String name) {
        ZipEntry entry = new ZipEntry(name);
        entry.setTime(0); // the same archive each time
        return entry;
    }

    private static boolean isOfScala(String name) {
        boolean found = false;
        for (int at = 0; at < PACKAGES.length; at++) {
            found |= name.startsWith(PACKAGES[at]);
        }
        return found;
    }

    /** Adds the class <code>name</code> and what is made for it, if it is there and something is linked in it. */
    private static void link(String name, Set wanted, Map files, Manifest manifest) throws IOException {
        URL found = ClassLoader.getSystemResource(name + ".class");
        if (found == null) {
            return; // one that is made here
        }
        InputStream in = found.openStream();
        ClassReader reader;
        try {
            reader = new ClassReader(in);
        } finally {
            in.close();
        }
        Methods methods = new Methods();
        reader.accept(methods, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        ClassWriter writer = new ClassWriter(reader, 0);
        LinkedAhead linked = new LinkedAhead(writer, name, wanted, methods.found);
        reader.accept(linked, 0);
        if (linked.joined != null) {
            linked.made.put(linked.joined.name(), linked.joined.bytes());
        }
        if (!linked.made.isEmpty() || linked.knowsLambdas) {
            files.put(name, writer.toByteArray());
            files.putAll(linked.made);
            String folder = name.substring(0, name.lastIndexOf('/') + 1);
            if (!manifest.getEntries().containsKey(folder)) {
                manifest.getEntries().put(folder, versions(found));
            }
        }
    }

    /** What the archive of a class says of its packages. */
    private static Attributes versions(URL found) throws IOException {
        Attributes versions = new Attributes();
        Manifest manifest = ((JarURLConnection) found.openConnection()).getManifest();
        Map said = manifest == null ? new TreeMap() : (Map) manifest.getMainAttributes();
        for (Iterator left = said.entrySet().iterator(); left.hasNext();) {
            Map.Entry one = (Map.Entry) left.next();
            String key = one.getKey().toString();
            if (key.startsWith("Implementation-") || key.startsWith("Specification-")) {
                versions.put(one.getKey(), one.getValue());
            }
        }
        return versions;
    }

    public MethodVisitor visitMethod(int access, String method, String descriptor, String signature, String[] thrown) {
        return new Code(super.visitMethod(access, method, descriptor, signature, thrown), this, method);
    }

    private boolean wants(String name) {
        return this.wanted == null || this.wanted.contains(name);
    }

    /** The name of the class whose <code>make</code> gives the lambda, or null: it stays as it is. */
    private String lambda(String method, String descriptor, Object[] arguments) {
        String name = this.name + LAMBDA + this.lambdas++;
        if (!this.wants(name)) {
            return null;
        }
        LambdaClass lambda = new LambdaClass(name, this.name, method, descriptor, arguments);
        if (!lambda.possible(this.methods)) {
            return null;
        }
        try {
            this.made.put(name, lambda.bytes());
        } catch (ClassNotFoundException error) {
            throw new TypeNotPresentException(method, error);
        }
        return name;
    }

    /** The name of a method that puts together what the recipe says, or null: it stays as it is. */
    private String concatenation(String descriptor, Object[] arguments) {
        int number = this.concatenations++;
        String name = this.name + "$$Concat";
        if (!this.wants(name) || !Concatenations.possible(arguments)) {
            return null;
        }
        if (this.joined == null) {
            this.joined = new Concatenations(name);
        }
        return this.joined.add(number, descriptor, arguments);
    }

    /** Which methods a class has, and who may call them. */
    private static final class Methods extends ClassVisitor {
        private final Map found = new HashMap();

        Methods() {
            super(Opcodes.ASM9);
        }

        public MethodVisitor visitMethod(int access, String method, String descriptor, String signature, String[] thrown) {
            this.found.put(method + descriptor, Integer.valueOf(access));
            return null;
        }
    }

    /** The code of a method, with calls in the place of what is linked ahead. */
    private static final class Code extends MethodVisitor {
        private final LinkedAhead host;
        private final boolean tellsLambdas;

        Code(MethodVisitor to, LinkedAhead host, String method) {
            super(Opcodes.ASM9, to);
            this.host = host;
            this.tellsLambdas = host.name.equals(KRYO) && method.equals("isClosure");
        }

        public void visitMethodInsn(int opcode, String owner, String method, String descriptor, boolean isInterface) {
            super.visitMethodInsn(opcode, owner, method, descriptor, isInterface);
            if (this.tellsLambdas && method.equals("getName")) {
                super.visitLdcInsn(LAMBDA);
                super.visitLdcInsn("/");
                String replace = "(Ljava/lang/CharSequence;Ljava/lang/CharSequence;)Ljava/lang/String;";
                super.visitMethodInsn(Opcodes.INVOKEVIRTUAL, "java/lang/String", "replace", replace, false);
                this.host.knowsLambdas = true;
            }
        }

        public void visitMaxs(int stack, int locals) {
            super.visitMaxs(this.tellsLambdas ? Math.max(stack, 3) : stack, locals);
        }

        public void visitInvokeDynamicInsn(String method, String descriptor, Handle bootstrap, Object[] arguments) {
            String by = bootstrap.getOwner() + "." + bootstrap.getName();
            String owner = null;
            String called = "make";
            if (by.equals("java/lang/invoke/LambdaMetafactory.altMetafactory")) {
                owner = this.host.lambda(method, descriptor, arguments);
            } else if (by.equals("java/lang/invoke/StringConcatFactory.makeConcatWithConstants")) {
                called = this.host.concatenation(descriptor, arguments);
                owner = called == null ? null : this.host.joined.name();
            }
            if (owner == null) {
                super.visitInvokeDynamicInsn(method, descriptor, bootstrap, arguments);
            } else {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, owner, called, descriptor, false);
            }
        }
    }
}
