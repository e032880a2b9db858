package emrlite;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.Handle;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;

/**
 * The class of a lambda that can be serialized, in the form in which Java makes it as a program runs
 * (<code>InnerClassLambdaMetafactory</code>): Spark looks at that form (<code>ClosureCleaner</code>).
 *
 * <p>What is serialized names the class that the lambda stands in, and not this one, so a JVM without it reads it too.
 */
final class LambdaClass {
    private static final int SERIALIZABLE = 1;
    private static final int BRIDGES = 4;
    private static final String SERIALIZED = "java/lang/invoke/SerializedLambda";
    private static final String ONE = "one";

    private final String name;
    private final String host;
    private final String method;
    private final String factory;
    private final Object[] arguments;
    private final Handle implementation;
    private final Type[] captured;
    private final ClassWriter to = new ClassWriter(0);

    /** A lambda of the class <code>host</code>: what else is said of it is what its call site says to Java. */
    LambdaClass(String name, String host, String method, String factory, Object[] arguments) {
        this.name = name;
        this.host = host;
        this.method = method;
        this.factory = factory;
        this.arguments = arguments;
        this.implementation = (Handle) arguments[1];
        this.captured = Type.getArgumentTypes(factory);
    }

    /**
     * Whether the lambda is of the kind that Scala writes: it can be serialized, calls a static one of its class' <code>methods</code>
     * that others may call, and has no number boxed on the way.
     */
    boolean possible(Map methods) {
        int flags = this.flags();
        Integer access = (Integer) methods.get(this.implementation.getName() + this.implementation.getDesc());
        boolean callable = this.implementation.getTag() == Opcodes.H_INVOKESTATIC && this.implementation.getOwner().equals(this.host)
            && access != null && (access.intValue() & Opcodes.ACC_PRIVATE) == 0;
        if (!callable || (flags & SERIALIZABLE) == 0 || (flags & ~(SERIALIZABLE | BRIDGES)) != 0) {
            return false;
        }
        Type[] taken = Type.getArgumentTypes(this.implementation.getDesc());
        Type given = Type.getReturnType(this.implementation.getDesc());
        List shapes = this.shapes();
        for (int shape = 0; shape < shapes.size(); shape++) {
            Type[] passed = Type.getArgumentTypes((String) shapes.get(shape));
            for (int at = 0; at < passed.length; at++) {
                if (!fits(passed[at], taken[this.captured.length + at])) {
                    return false;
                }
            }
            if (!fits(given, Type.getReturnType((String) shapes.get(shape)))) {
                return false;
            }
        }
        return true;
    }

    private int flags() {
        return ((Integer) this.arguments[3]).intValue();
    }

    /** The descriptors under which the method is called: its own, and those of bridges. */
    private List shapes() {
        List shapes = new ArrayList();
        shapes.add(((Type) this.arguments[0]).getDescriptor());
        if ((this.flags() & BRIDGES) != 0) {
            for (int at = 5; at < this.arguments.length; at++) {
                shapes.add(((Type) this.arguments[at]).getDescriptor());
            }
        }
        return shapes;
    }

    private static boolean fits(Type from, Type to) {
        return from.equals(to) || isReference(from) && isReference(to);
    }

    private static boolean isReference(Type type) {
        return type.getSort() == Type.OBJECT || type.getSort() == Type.ARRAY;
    }

    /** The class file. */
    byte[] bytes() throws ClassNotFoundException {
        this.to.visit(Opcodes.V1_8, Opcodes.ACC_FINAL | Opcodes.ACC_SYNTHETIC | Opcodes.ACC_SUPER, this.name, null, "java/lang/Object",
            this.interfaces());
        for (int at = 0; at < this.captured.length; at++) {
            this.to.visitField(Opcodes.ACC_PRIVATE | Opcodes.ACC_FINAL, field(at), this.captured[at].getDescriptor(), null, null);
        }
        String constructor = Type.getMethodDescriptor(Type.VOID_TYPE, this.captured);
        this.writeConstructor(constructor);
        if (this.captured.length == 0) {
            this.writeOne(constructor);
        }
        this.writeMake(constructor);
        List shapes = this.shapes();
        for (int shape = 0; shape < shapes.size(); shape++) {
            this.writeCall((String) shapes.get(shape));
        }
        this.writeReplacement();
        this.to.visitEnd();
        return this.to.toByteArray();
    }

    private String[] interfaces() throws ClassNotFoundException {
        Type type = Type.getReturnType(this.factory);
        Class found = Class.forName(type.getClassName(), false, ClassLoader.getSystemClassLoader());
        String[] both = {type.getInternalName(), "java/io/Serializable"};
        return Serializable.class.isAssignableFrom(found) ? new String[] {type.getInternalName()} : both;
    }

    private static String field(int at) {
        return "arg$" + (at + 1);
    }

    private MethodVisitor begin(int access, String method, String descriptor) {
        MethodVisitor code = this.to.visitMethod(access, method, descriptor, null, null);
        code.visitCode();
        return code;
    }

    private static void end(MethodVisitor code, int opcode, int stack, int locals) {
        code.visitInsn(opcode);
        code.visitMaxs(stack, locals);
        code.visitEnd();
    }

    private void writeConstructor(String constructor) {
        MethodVisitor code = this.begin(Opcodes.ACC_PRIVATE, "<init>", constructor);
        code.visitVarInsn(Opcodes.ALOAD, 0);
        code.visitMethodInsn(Opcodes.INVOKESPECIAL, "java/lang/Object", "<init>", "()V", false);
        int local = 1;
        for (int at = 0; at < this.captured.length; at++) {
            code.visitVarInsn(Opcodes.ALOAD, 0);
            code.visitVarInsn(this.captured[at].getOpcode(Opcodes.ILOAD), local);
            code.visitFieldInsn(Opcodes.PUTFIELD, this.name, field(at), this.captured[at].getDescriptor());
            local += this.captured[at].getSize();
        }
        end(code, Opcodes.RETURN, 3, local);
    }

    /** A lambda that captures nothing is one object, as it is where Java links it. */
    private void writeOne(String constructor) {
        String type = "L" + this.name + ";";
        this.to.visitField(Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC | Opcodes.ACC_FINAL, ONE, type, null, null);
        MethodVisitor code = this.begin(Opcodes.ACC_STATIC, "<clinit>", "()V");
        code.visitTypeInsn(Opcodes.NEW, this.name);
        code.visitInsn(Opcodes.DUP);
        code.visitMethodInsn(Opcodes.INVOKESPECIAL, this.name, "<init>", constructor, false);
        code.visitFieldInsn(Opcodes.PUTSTATIC, this.name, ONE, type);
        end(code, Opcodes.RETURN, 2, 0);
    }

    private void writeMake(String constructor) {
        MethodVisitor code = this.begin(Opcodes.ACC_STATIC, "make", this.factory);
        int local = 0;
        if (this.captured.length == 0) {
            code.visitFieldInsn(Opcodes.GETSTATIC, this.name, ONE, "L" + this.name + ";");
        } else {
            code.visitTypeInsn(Opcodes.NEW, this.name);
            code.visitInsn(Opcodes.DUP);
            for (int at = 0; at < this.captured.length; at++) {
                code.visitVarInsn(this.captured[at].getOpcode(Opcodes.ILOAD), local);
                local += this.captured[at].getSize();
            }
            code.visitMethodInsn(Opcodes.INVOKESPECIAL, this.name, "<init>", constructor, false);
        }
        end(code, Opcodes.ARETURN, 2 + local, local);
    }

    /** The method itself: calls the implementation with what is captured and what is passed. */
    private void writeCall(String shape) {
        MethodVisitor code = this.begin(Opcodes.ACC_PUBLIC, this.method, shape);
        Type[] passed = Type.getArgumentTypes(shape);
        Type[] taken = Type.getArgumentTypes(this.implementation.getDesc());
        int stack = 2; // what a result may take
        for (int at = 0; at < this.captured.length; at++) {
            this.writeLoad(code, at);
            stack += this.captured[at].getSize();
        }
        int local = 1;
        for (int at = 0; at < passed.length; at++) {
            code.visitVarInsn(passed[at].getOpcode(Opcodes.ILOAD), local);
            writeCast(code, passed[at], taken[this.captured.length + at]);
            local += passed[at].getSize();
            stack += passed[at].getSize();
        }
        Handle called = this.implementation;
        code.visitMethodInsn(Opcodes.INVOKESTATIC, called.getOwner(), called.getName(), called.getDesc(), called.isInterface());
        Type returned = Type.getReturnType(shape);
        writeCast(code, Type.getReturnType(called.getDesc()), returned);
        end(code, returned.getOpcode(Opcodes.IRETURN), stack, local);
    }

    private void writeLoad(MethodVisitor code, int at) {
        code.visitVarInsn(Opcodes.ALOAD, 0);
        code.visitFieldInsn(Opcodes.GETFIELD, this.name, field(at), this.captured[at].getDescriptor());
    }

    private static void writeCast(MethodVisitor code, Type from, Type to) {
        if (isReference(to) && !from.equals(to) && !to.getInternalName().equals("java/lang/Object")) {
            code.visitTypeInsn(Opcodes.CHECKCAST, to.getInternalName());
        }
    }

    /** What is serialized instead of the lambda. */
    private void writeReplacement() {
        MethodVisitor code = this.begin(Opcodes.ACC_PRIVATE | Opcodes.ACC_FINAL, "writeReplace", "()Ljava/lang/Object;");
        Object[] said = {
            Type.getObjectType(this.host), Type.getReturnType(this.factory).getInternalName(), this.method,
            ((Type) this.arguments[0]).getDescriptor(), Integer.valueOf(this.implementation.getTag()), this.implementation.getOwner(),
            this.implementation.getName(), this.implementation.getDesc(), ((Type) this.arguments[2]).getDescriptor(),
        };
        code.visitTypeInsn(Opcodes.NEW, SERIALIZED);
        code.visitInsn(Opcodes.DUP);
        for (int at = 0; at < said.length; at++) {
            code.visitLdcInsn(said[at]);
        }
        code.visitLdcInsn(Integer.valueOf(this.captured.length));
        code.visitTypeInsn(Opcodes.ANEWARRAY, "java/lang/Object");
        for (int at = 0; at < this.captured.length; at++) {
            code.visitInsn(Opcodes.DUP);
            code.visitLdcInsn(Integer.valueOf(at));
            this.writeLoad(code, at);
            writeBox(code, this.captured[at]);
            code.visitInsn(Opcodes.AASTORE);
        }
        code.visitMethodInsn(Opcodes.INVOKESPECIAL, SERIALIZED, "<init>",
            "(Ljava/lang/Class;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;ILjava/lang/String;Ljava/lang/String;"
            + "Ljava/lang/String;Ljava/lang/String;[Ljava/lang/Object;)V", false);
        end(code, Opcodes.ARETURN, 2 + said.length + 5, 1); // an array, the same, its index, and a value of two
    }

    private static void writeBox(MethodVisitor code, Type type) {
        String boxed = null;
        switch (type.getSort()) {
            case Type.BOOLEAN: boxed = "Boolean"; break;
            case Type.BYTE: boxed = "Byte"; break;
            case Type.CHAR: boxed = "Character"; break;
            case Type.SHORT: boxed = "Short"; break;
            case Type.INT: boxed = "Integer"; break;
            case Type.LONG: boxed = "Long"; break;
            case Type.FLOAT: boxed = "Float"; break;
            case Type.DOUBLE: boxed = "Double"; break;
            default: return;
        }
        String owner = "java/lang/" + boxed;
        code.visitMethodInsn(Opcodes.INVOKESTATIC, owner, "valueOf", "(" + type.getDescriptor() + ")L" + owner + ";", false);
    }
}
