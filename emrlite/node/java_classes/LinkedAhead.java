package emrlite;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
 * each.  Nothing else in them is another.
 */
public final class LinkedAhead extends ClassVisitor {
    /** Where Scala's lambdas are.  Java lets nobody add classes to some packages of others: they are sealed. */
    private static final String[] PACKAGES = {"com/fasterxml/jackson/module/scala/", "org/apache/spark/", "scala/"};

    private final String name;
    private final Set wanted;
    private final Map methods;
    private final Map made = new LinkedHashMap();
    private Concatenations joined;
    private int lambdas;
    private int concatenations;

    private LinkedAhead(ClassVisitor to, String name, Set wanted, Map methods) {
        super(Opcodes.ASM9, to);
        this.name = name;
        this.wanted = wanted;
        this.methods = methods;
    }

    public static void main(String[] words) throws Exception {
        List names = Files.readAllLines(Paths.get(words[0]));
        Set wanted = words.length > 2 ? null : new HashSet(names);
        ZipOutputStream archive = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(Paths.get(words[1]))));
        try {
            archive.setLevel(1);
            for (Iterator left = names.iterator(); left.hasNext();) {
                String name = (String) left.next();
                byte[] bytes = isOfScala(name) ? bytes(name) : null;
                if (bytes != null) {
                    link(name, bytes, wanted, archive);
                }
            }
        } finally {
            archive.close();
        }
    }

    private static boolean isOfScala(String name) {
        boolean found = false;
        for (int at = 0; at < PACKAGES.length; at++) {
            found |= name.startsWith(PACKAGES[at]);
        }
        return found;
    }

    /** The class file of <code>name</code>, or null: one that is made here has none yet. */
    private static byte[] bytes(String name) throws IOException {
        InputStream in = ClassLoader.getSystemResourceAsStream(name + ".class");
        if (in == null) {
            return null;
        }
        try {
            return in.readAllBytes();
        } finally {
            in.close();
        }
    }

    private static void link(String name, byte[] bytes, Set wanted, ZipOutputStream archive) throws IOException {
        ClassReader reader = new ClassReader(bytes);
        Methods methods = new Methods();
        reader.accept(methods, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        ClassWriter writer = new ClassWriter(reader, 0);
        LinkedAhead linked = new LinkedAhead(writer, name, wanted, methods.found);
        reader.accept(linked, 0);
        if (linked.joined != null) {
            linked.made.put(linked.joined.name(), linked.joined.bytes());
        }
        if (linked.made.isEmpty()) {
            return;
        }
        put(archive, name, writer.toByteArray());
        for (Iterator left = linked.made.entrySet().iterator(); left.hasNext();) {
            Map.Entry one = (Map.Entry) left.next();
            put(archive, (String) one.getKey(), (byte[]) one.getValue());
        }
    }

    private static void put(ZipOutputStream archive, String name, byte[] bytes) throws IOException {
        ZipEntry entry = new ZipEntry(name + ".class");
        entry.setTime(0); // the same archive each time
        archive.putNextEntry(entry);
        archive.write(bytes);
        archive.closeEntry();
    }

    public MethodVisitor visitMethod(int access, String method, String descriptor, String signature, String[] thrown) {
        return new Code(super.visitMethod(access, method, descriptor, signature, thrown), this);
    }

    private boolean wants(String name) {
        return this.wanted == null || this.wanted.contains(name);
    }

    /** The name of the class whose <code>make</code> gives the lambda, or null: it stays as it is. */
    private String lambda(String method, String descriptor, Object[] arguments) {
        String name = this.name + "$$Lambda$of" + this.lambdas++;
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

        Code(MethodVisitor to, LinkedAhead host) {
            super(Opcodes.ASM9, to);
            this.host = host;
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
