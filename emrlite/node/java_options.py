"""Words that every command line of a JVM has.  Pure data, for it is read whenever a program of a node starts."""

from __future__ import annotations

import os

#: The directory of an engine whose archives are first on its class path: emrlite's own.
OWN = "own"

#: Quick to start and small: measured at a third of the default's wall and CPU for short jobs.
#: The thread stack stays Java's own: deep query plans need it, and unused stack costs nothing.
QUICK: tuple[str, ...] = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
#: What of Netty nobody here asks for, and each JVM would pay for as it starts: events for Java's Flight Recorder, which
#: comes up for them (0.05 s), and its native transport, which cannot be had where Hadoop's archives bring another one.
NETTY: tuple[str, ...] = ("-Dio.netty.jfr.enabled=false", "-Dio.netty.transport.noNative=true")
#: A daemon has many threads, none of which goes deep; it serves tens of requests a second, not thousands.
#: It also starts with a small heap, for what it leaves behind while it starts would stay resident as long as it idles;
#: but one that all but a NameNode's do not outgrow: each time costs a collection of the whole.
DAEMON: tuple[str, ...] = (*QUICK, *NETTY, "-Xss512k", "-Xms64m")
#: Executors do the real work, and the S3 server carries all bytes, so they keep the optimising compiler, but it waits
#: ten times as long as by default before it takes a method for hot: for a short job it is a quarter of all processor
#: time of an executor, and a third of the S3 server's while it starts.
LASTING: tuple[str, ...] = (
    "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000", "-XX:Tier4CompileThreshold=150000", "-XX:Tier4BackEdgeThreshold=400000",
)  # fmt: skip


def class_path(engine_home: str) -> str:
    """Return what every process has on its class path.  Conf directories go behind it: first, no archive is used."""
    return f"{own_archives(engine_home)}:{engine_home}/jars/*"


def own_archives(engine_home: str) -> str:
    """Return the beginning of that class path.

    Spark's worker puts its ``SPARK_CONF_DIR`` first on the class path of executors, so that is this.
    """
    return f"{engine_home}/{OWN}/*"


#: Java maps an archive at a random place by default and rewrites every pointer in it: 250 MB of each process's own
#: memory and a tenth of a second.  At the place that it was made for, its pages are shared by all processes.
_IN_PLACE: tuple[str, ...] = (
    "-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0",
)  # fmt: skip


def sharing(archive: str) -> tuple[str, ...]:
    """Return the flags that let a JVM use the class-data *archive* ("": there is none).

    Only for the class path above with more behind it: a JVM that finds another shares nothing at all, not even what
    it shares without flags.  It goes on without a word then, for nothing of it may appear in a step's logs.
    """
    return (*_IN_PLACE, f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds*=off") if archive else ()


#: Lets a JVM have a class path of ours: ``java_classes/ClassPath.java``.
OPEN_CLASS_PATH = "--add-opens=java.base/jdk.internal.loader=ALL-UNNAMED"


def contents(archive: str) -> str:
    """Where the list of what the class path holds is: beside the class-data *archive* ("": none), made with it."""
    return archive and os.path.join(os.path.dirname(archive), "contents")


#: What every JVM of a cluster is started with: Spark's `JavaModuleOptions` without
#: ``--add-modules=jdk.incubator.vector`` (a faster BLAS for Spark ML; not in every Java, and it keeps the
#: module graph out of class-data archives), and what Hadoop's daemons open besides.
MODULE_OPTIONS: tuple[str, ...] = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.io",
            "java.lang",
            "java.lang.invoke",
            "java.lang.reflect",
            "java.math",
            "java.net",
            "java.nio",
            "java.text",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "java.util.zip",
            "jdk.internal.ref",
            "sun.nio.ch",
            "sun.nio.cs",
            "sun.security.action",
            "sun.security.util",
            "sun.security.x509",
            "sun.util.calendar",
        )
    ),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--enable-native-access=ALL-UNNAMED",
)
