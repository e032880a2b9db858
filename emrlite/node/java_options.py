"""Words that every command line of a JVM has.  Pure data, for it is read whenever a program of a node starts."""

from __future__ import annotations

#: What is on an engine's class path before its archives: a directory that stays empty.
EMPTY = "emptyconf"

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
