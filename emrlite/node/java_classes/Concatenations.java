package emrlite;

import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;

/** A class of methods that put strings together, each as a recipe of Java's <code>StringConcatFactory</code> says. */
final class Concatenations {
    private static final String BUILDER = "java/lang/StringBuilder";
    /** In a recipe: here comes the next argument, here the next constant. */
    private static final char ARGUMENT = (char) 1;
    private static final char CONSTANT = (char) 2;

    private final String name;
    private final ClassWriter to = new ClassWriter(0);

    Concatenations(String name) {
        this.name = name;
        this.to.visit(Opcodes.V1_8, Opcodes.ACC_FINAL | Opcodes.ACC_SYNTHETIC | Opcodes.ACC_SUPER, name, null, "java/lang/Object", null);
    }

    String name() {
        return this.name;
    }

    byte[] bytes() {
        this.to.visitEnd();
        return this.to.toByteArray();
    }

    /** Whether a recipe and its constants are what compilers write. */
    static boolean possible(Object[] arguments) {
        for (int at = 0; at < arguments.length; at++) {
            if (!(arguments[at] instanceof String)) {
                return false;
            }
        }
        return true;
    }

    /** Adds a method that takes and returns what <code>descriptor</code> says, and returns its name. */
    String add(int number, String descriptor, Object[] arguments) {
        String method = "concat" + number;
        MethodVisitor code = this.to.visitMethod(Opcodes.ACC_STATIC, method, descriptor, null, null);
        code.visitCode();
        code.visitTypeInsn(Opcodes.NEW, BUILDER);
        code.visitInsn(Opcodes.DUP);
        code.visitMethodInsn(Opcodes.INVOKESPECIAL, BUILDER, "<init>", "()V", false);
        Type[] types = Type.getArgumentTypes(descriptor);
        String recipe = (String) arguments[0];
        StringBuilder text = new StringBuilder();
        int local = 0;
        int argument = 0;
        int constant = 1;
        for (int at = 0; at < recipe.length(); at++) {
            char next = recipe.charAt(at);
            if (next == CONSTANT) {
                text.append(arguments[constant++]);
            } else if (next == ARGUMENT) {
                append(code, text);
                Type type = types[argument++];
                code.visitVarInsn(type.getOpcode(Opcodes.ILOAD), local);
                append(code, appended(type));
                local += type.getSize();
            } else {
                text.append(next);
            }
        }
        append(code, text);
        code.visitMethodInsn(Opcodes.INVOKEVIRTUAL, BUILDER, "toString", "()Ljava/lang/String;", false);
        code.visitInsn(Opcodes.ARETURN);
        code.visitMaxs(3, local);
        code.visitEnd();
        return method;
    }

    private static void append(MethodVisitor code, StringBuilder text) {
        if (text.length() > 0) {
            code.visitLdcInsn(text.toString());
            append(code, "Ljava/lang/String;");
            text.setLength(0);
        }
    }

    private static void append(MethodVisitor code, String type) {
        code.visitMethodInsn(Opcodes.INVOKEVIRTUAL, BUILDER, "append", "(" + type + ")Ljava/lang/StringBuilder;", false);
    }

    /** What a builder takes a <code>type</code> as: an array of characters too is an object here, and no text. */
    private static String appended(Type type) {
        switch (type.getSort()) {
            case Type.BYTE:
            case Type.SHORT:
                return "I";
            case Type.OBJECT:
            case Type.ARRAY:
                return type.getClassName().equals("java.lang.String") ? type.getDescriptor() : "Ljava/lang/Object;";
            default:
                return type.getDescriptor();
        }
    }
}
