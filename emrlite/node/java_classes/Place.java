package emrlite;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.util.Map;

/** Gives a running JVM another working directory and environment, as if it had been started with them. */
final class Place {
    private static Function chdir;

    private Place() {
    }

    /** Does ahead what takes time; the library that it needs for that is unpacked in <code>directory</code>. */
    static void load(File directory) {
        System.setProperty("jna.tmpdir", directory.getPath());
        chdir = NativeLibrary.getProcess().getFunction("chdir");
    }

    /** Makes <code>directory</code> the working directory: of the process, and where Java remembers it. */
    static void enter(String directory) throws Exception {
        if (chdir.invokeInt(new Object[] {directory}) != 0) {
            throw new IOException("cannot change to " + directory);
        }
        System.setProperty("user.dir", directory);
        Field system;
        try {
            system = File.class.getDeclaredField("fs");
        } catch (NoSuchFieldException newer) {
            system = File.class.getDeclaredField("FS");
        }
        system.setAccessible(true);
        set(system.get(null), "userDir", directory);
        FileSystem files = FileSystems.getDefault();
        set(files, "defaultDirectory", directory.getBytes(StandardCharsets.UTF_8));
    }

    private static void set(Object owner, String name, Object value) throws Exception {
        Class at = owner.getClass();
        while (at != null) {
            try {
                Field field = at.getDeclaredField(name);
                field.setAccessible(true);
                field.set(owner, value);
                return;
            } catch (NoSuchFieldException higher) {
                at = at.getSuperclass();
            }
        }
        throw new NoSuchFieldException(owner.getClass() + "." + name);
    }

    /** Puts <code>environment</code> (names and values by turns) in the place of the one that the JVM was started with. */
    static void live(String[] environment) throws Exception {
        Class all = Class.forName("java.lang.ProcessEnvironment");
        Field field = all.getDeclaredField("theEnvironment");
        field.setAccessible(true);
        Map found = (Map) field.get(null);
        Method name = Class.forName("java.lang.ProcessEnvironment$Variable").getMethod("valueOf", new Class[] {String.class});
        Method value = Class.forName("java.lang.ProcessEnvironment$Value").getMethod("valueOf", new Class[] {String.class});
        name.setAccessible(true);
        value.setAccessible(true);
        found.clear();
        for (int at = 0; at < environment.length; at += 2) {
            found.put(name.invoke(null, new Object[] {environment[at]}), value.invoke(null, new Object[] {environment[at + 1]}));
        }
    }
}
