"""What EMR users ask of YARN, and what the Spark master is told."""

from dataclasses import replace

import pytest

from emrlite.node.resources import Machine, Refused, mebibytes, plan, verify

LAPTOP = Machine(memory=16 * 1024, cores=8)


@pytest.mark.parametrize(
    ("text", "expected"), [("1g", 1024), ("512m", 512), ("2048", 2048), ("1024k", 1), ("2GB", 2048), ("1t", 2**20)]
)
def test_sizes_are_read_as_spark_reads_them(text, expected):
    assert mebibytes(text) == expected


@pytest.mark.parametrize("text", ["", "1.5g", "many", "3x", "-1g"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(Refused, match="Failed to parse byte string"):
        mebibytes(text)


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        # Dynamic, as on EMR, from one executor on, up to what the laptop has cores for.
        ({}, {"spark.executor.cores": "4", "spark.executor.memory": "1024m", "spark.cores.max": "8",
              "spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.initialExecutors": "1"}),
        ({"spark.dynamicAllocation.enabled": "false"}, {"spark.executor.cores": "4", "spark.cores.max": "12"}),
        ({"spark.cores.max": "12"}, {"spark.dynamicAllocation.enabled": "true"}),
        # An executor that is larger than what the application may take would never come.
        ({"spark.cores.max": "2"}, {"spark.cores.max": "2", "spark.executor.cores": "2"}),
        ({"spark.executor.instances": "2", "spark.executor.cores": "3"},
         {"spark.cores.max": "6", "spark.executor.cores": "3", "spark.dynamicAllocation.enabled": "false"}),
        ({"spark.executor.instances": "0"}, {"spark.dynamicAllocation.enabled": "true"}),
        ({"spark.executor.cores": "40"}, {"spark.executor.cores": "12", "spark.cores.max": "12"}),
        # Fits the type, not the laptop: the heap is bounded.
        ({"spark.executor.memory": "10g"}, {"spark.executor.memory": "4096m"}),
        # Three nodes of 12288 MiB hold three containers of 9011 MiB.
        ({"spark.executor.instances": "50", "spark.executor.memory": "8g", "spark.executor.cores": "2"},
         {"spark.cores.max": "6"}),
        ({"spark.executor.instances": "50", "spark.executor.cores": "1"}, {"spark.cores.max": "12"}),
    ],
)  # fmt: skip
def test_executors_are_as_asked_for_as_far_as_the_cluster_has_room(conf, expected, info):
    found = plan(conf, info, LAPTOP).properties

    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(("cores", "conf", "expected"), [
    # Machine's cores and what is said → cores of an executor and of all, whether one is enough for any number of tasks.
    (1, {}, ("2", "12", True)), (2, {}, ("2", "12", True)), (4, {}, ("4", "12", True)), (5, {}, ("3", "6", False)),
    (6, {}, ("3", "6", False)), (10, {}, ("4", "12", False)), (64, {}, ("4", "12", False)),
    (2, {"spark.task.cpus": "3"}, ("3", "12", True)), (2, {"spark.executor.cores": "4"}, ("4", "12", True)),
    (8, {"spark.executor.cores": "1"}, ("1", "8", False)), (2, {"spark.executor.cores": "1"}, ("1", "2", False)),
    # A number that must be is one that is asked for; one that may be is not.
    (8, {"spark.dynamicAllocation.minExecutors": "3"}, ("4", "12", False)),
    (8, {"spark.dynamicAllocation.initialExecutors": "1"}, ("4", "8", False)),
    (2, {"spark.dynamicAllocation.minExecutors": "3"}, ("2", "12", True)),
    (2, {"spark.dynamicAllocation.maxExecutors": "20"}, ("2", "12", True)),
    (2, {"spark.executor.instances": "3"}, ("2", "6", False)), (2, {"spark.cores.max": "6"}, ("2", "6", False)),
    (2, {"spark.dynamicAllocation.enabled": "false"}, ("2", "6", False))])
def test_an_application_gets_what_this_machine_has_cores_for_or_what_it_asks_for(cores, conf, expected, info):
    found = plan(conf, info, LAPTOP._replace(cores=cores)).properties

    one = "spark.dynamicAllocation.executorAllocationRatio" in found
    assert (found["spark.executor.cores"], found["spark.cores.max"], one) == expected


def test_an_executor_is_no_larger_than_what_one_worker_offers(info):
    wide = replace(info, cluster_vcpu=40)

    found = plan({"spark.executor.cores": "30"}, wide, LAPTOP)

    assert found.properties["spark.executor.cores"] == "16"
    assert found.properties["spark.cores.max"] == "40"
    assert "an executor gets 16" in found.notes[0]


def test_what_was_made_smaller_is_said(info):
    conf = {"spark.executor.instances": "50", "spark.executor.memory": "8g", "spark.executor.cores": "20"}

    notes = " ".join(plan(conf, info, LAPTOP).notes)

    assert "--num-executors 50" in notes
    assert "--executor-memory 8192m" in notes
    assert "--executor-cores 20" in notes


def test_more_memory_than_the_instance_type_has_is_refused_in_yarns_words(info):
    with pytest.raises(Refused) as caught:
        plan({"spark.executor.memory": "16g"}, info, LAPTOP)

    assert str(caught.value) == (
        "java.lang.IllegalArgumentException: Required executor memory (16384 MB), offHeap memory (0) MB, "
        "overhead (1638 MB), "
        "and PySpark memory (0 MB) is above the max threshold (12288 MB) of this cluster! Please check the values of "
        "'yarn.scheduler.maximum-allocation-mb' and/or 'yarn.nodemanager.resource.memory-mb'."
    )


@pytest.mark.parametrize(
    ("conf", "container"),
    [
        ({"spark.executor.memory": "1g"}, 1024 + 384),
        ({"spark.executor.memory": "10g"}, 10240 + 1024),
        ({"spark.executor.memory": "1g", "spark.executor.memoryOverhead": "1g"}, 2048),
        ({"spark.executor.memory": "1g", "spark.yarn.executor.memoryOverhead": "100"}, 1124),
        ({"spark.executor.memory": "10g", "spark.executor.memoryOverheadFactor": "0.1875"}, 12160),
        ({"spark.executor.memory": "1g", "spark.executor.pyspark.memory": "1g"}, 2432),
        ({"spark.executor.memory": "1g", "spark.memory.offHeap.size": "1073741824"}, 1408),
        (
            {
                "spark.executor.memory": "1g",
                "spark.memory.offHeap.enabled": "true",
                "spark.memory.offHeap.size": "1073741824",
            },
            2432,
        ),
    ],
)
def test_a_container_holds_all_that_yarn_counts(conf, container):
    assert verify(conf, 12288, cluster_mode=False) == container


def test_the_drivers_memory_counts_only_where_it_has_a_container():
    conf = {"spark.executor.memory": "1g", "spark.driver.memory": "12g"}

    verify(conf, 12288, cluster_mode=False)
    with pytest.raises(Refused, match=r"Required AM memory \(12288\+1228 MB\) is above the max threshold \(12288 MB\)"):
        verify(conf, 12288, cluster_mode=True)


@pytest.mark.parametrize("conf", [{"spark.executor.cores": "none"}, {"spark.executor.instances": "-3"}])
def test_a_number_that_is_none_is_refused_by_name(conf, info):
    with pytest.raises(Refused, match=next(iter(conf))):
        plan(conf, info, LAPTOP)
