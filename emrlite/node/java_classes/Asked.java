package emrlite;

import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;

import org.apache.hadoop.fs.FileUtil;

/** Waits for whoever knows the secret, but not for ever: then the JVM ends, and its memory is free. */
final class Asked extends Thread {
    private static final int PATIENCE_MILLIS = 300000;
    private static final int ANSWER_MILLIS = 2000;
    private final File directory;
    private volatile Socket socket;

    Asked(File directory) {
        super("emrlite-asked");
        this.directory = directory;
        this.setDaemon(true);
    }

    public void run() {
        try {
            byte[] secret = Files.readAllBytes(new File(this.directory, "secret").toPath());
            ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
            File unfinished = new File(this.directory, "port.new");
            String where = server.getLocalPort() + " " + new File("/proc/self").getCanonicalFile().getName();
            Files.write(unfinished.toPath(), where.getBytes(StandardCharsets.US_ASCII));
            if (!unfinished.renameTo(new File(this.directory, "port"))) {
                throw new IOException("cannot write " + this.directory + "/port");
            }
            server.setSoTimeout(PATIENCE_MILLIS);
            while (this.socket == null) {
                Socket found = this.accept(server);
                if (knows(found, new String(secret, StandardCharsets.US_ASCII))) {
                    this.socket = found;
                } else {
                    found.close();
                }
            }
            server.close();
        } catch (Throwable error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1); // nobody can ask any more
        }
    }

    /** Whether whoever connected sends the secret, soon. */
    private static boolean knows(Socket found, String secret) {
        try {
            found.setSoTimeout(ANSWER_MILLIS);
            boolean right = secret.equals(Spare.read(new DataInputStream(found.getInputStream())));
            found.setSoTimeout(0);
            return right;
        } catch (IOException stranger) {
            return false;
        }
    }

    private Socket accept(ServerSocket server) throws IOException {
        boolean taken = false;
        while (true) {
            try {
                return server.accept();
            } catch (SocketTimeoutException idle) {
                // The rename fails when somebody has just taken this JVM: then they are about to ask, or have died.
                if (taken || new File(this.directory, "port").renameTo(new File(this.directory, "retired"))) {
                    FileUtil.fullyDelete(Practice.data(this.directory));
                    Practice.log(this.directory).delete();
                    Runtime.getRuntime().halt(0);
                }
                taken = true;
            }
        }
    }

    /** Whether somebody waits for this JVM. */
    boolean now() {
        return this.socket != null;
    }

    DataInputStream await() throws InterruptedException, IOException {
        this.join();
        return new DataInputStream(this.socket.getInputStream());
    }

    void answer() throws IOException {
        this.socket.getOutputStream().write(1);
    }
}
