package emrlite;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.protocol.HdfsConstants;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.hdfs.server.protocol.NamenodeProtocols;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * Formats a NameNode's directory and makes what EMR has in a fresh HDFS: <code>FreshHdfs URI DIRECTORY…</code>
 *
 * <p>For maintainers (<code>emrlite/node/train.py</code>): every cluster begins with a copy of the result, which saves it a
 * JVM's start and the first requests to a NameNode.
 */
public final class FreshHdfs {
    private FreshHdfs() {
    }

    public static void main(String[] words) {
        try {
            make(words);
            System.exit(0);
        } catch (Throwable error) {
            error.printStackTrace();
            System.exit(1); // threads of a NameNode that came halfway would go on
        }
    }

    private static void make(String[] words) throws Exception {
        // Formatting, too, registers the metrics of a NameNode.
        DefaultMetricsSystem.setMiniClusterMode(true);
        Configuration conf = new HdfsConfiguration();
        conf.set("dfs.namenode.name.dir", words[0]);
        conf.set("dfs.namenode.rpc-address", "127.0.0.1:0");
        conf.set("dfs.namenode.http-address", "127.0.0.1:0");
        conf.set("fs.defaultFS", "hdfs://127.0.0.1:0");
        conf.set("dfs.namenode.safemode.min.datanodes", "0");
        conf.set("dfs.namenode.safemode.extension", "0");
        NameNode.format(conf);
        NameNode node = NameNode.createNameNode(new String[0], conf);
        NamenodeProtocols names = node.getRpcServer();
        for (int at = 1; at < words.length; at++) {
            names.mkdirs(words[at], new FsPermission((short) 01777), true);
        }
        names.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_ENTER, false);
        names.saveNamespace(0L, 0L);
        node.stop();
    }
}
