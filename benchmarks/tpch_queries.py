"""The 22 questions of TPC-H in Spark SQL, with the parameters by which its answers are checked.

Said in our own words: joins and named parts instead of nested questions.
"""

from __future__ import annotations

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")

#: Rows of each answer at scale 1, as the specification's own answers have them.
ROWS_AT_SCALE_1 = {
    1: 4, 2: 100, 3: 10, 4: 5, 5: 5, 6: 1, 7: 4, 8: 2, 9: 175, 10: 20, 11: 1048, 12: 2, 13: 42, 14: 1, 15: 1,
    16: 18314, 17: 1, 18: 57, 19: 1, 20: 186, 21: 100, 22: 7}

_PRICE = "l_extendedprice * (1 - l_discount)"


def queries(scale: float) -> dict[int, str]:
    """Return number -> SQL; the eleventh depends on the *scale* of the tables."""
    return {
        1: f"""
            SELECT l_returnflag, l_linestatus, sum(l_quantity) quantity, sum(l_extendedprice) base,
                   sum({_PRICE}) discounted, sum({_PRICE} * (1 + l_tax)) charged, avg(l_quantity) mean_quantity,
                   avg(l_extendedprice) mean_price, avg(l_discount) mean_discount, count(*) lines
            FROM lineitem WHERE l_shipdate <= DATE '1998-09-02'
            GROUP BY ALL ORDER BY l_returnflag, l_linestatus""",
        2: """
            WITH offers AS (
              SELECT partsupp.*, s_acctbal, s_name, s_address, s_phone, s_comment, n_name FROM partsupp
              JOIN supplier ON s_suppkey = ps_suppkey JOIN nation ON n_nationkey = s_nationkey
              JOIN region ON r_regionkey = n_regionkey AND r_name = 'EUROPE'),
            cheapest AS (SELECT ps_partkey part, min(ps_supplycost) cost FROM offers GROUP BY ps_partkey)
            SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
            FROM part JOIN cheapest ON part = p_partkey JOIN offers ON ps_partkey = part AND ps_supplycost = cost
            WHERE p_size = 15 AND endswith(p_type, 'BRASS')
            ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100""",
        3: f"""
            SELECT o_orderkey, sum({_PRICE}) revenue, o_orderdate, o_shippriority
            FROM customer JOIN orders ON o_custkey = c_custkey JOIN lineitem ON l_orderkey = o_orderkey
            WHERE c_mktsegment = 'BUILDING' AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
            GROUP BY o_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10""",
        4: """
            SELECT o_orderpriority, count(*) orders FROM orders
            LEFT SEMI JOIN lineitem ON l_orderkey = o_orderkey AND l_commitdate < l_receiptdate
            WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-10-01'
            GROUP BY o_orderpriority ORDER BY o_orderpriority""",
        5: f"""
            SELECT n_name, sum({_PRICE}) revenue
            FROM region JOIN nation ON n_regionkey = r_regionkey JOIN customer ON c_nationkey = n_nationkey
            JOIN orders ON o_custkey = c_custkey JOIN lineitem ON l_orderkey = o_orderkey
            JOIN supplier ON s_suppkey = l_suppkey AND s_nationkey = n_nationkey
            WHERE r_name = 'ASIA' AND year(o_orderdate) = 1994 GROUP BY n_name ORDER BY revenue DESC""",
        6: """
            SELECT sum(l_extendedprice * l_discount) revenue FROM lineitem
            WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
              AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
        7: f"""
            SELECT giver.n_name supplier, taker.n_name customer, year(l_shipdate) shipped, sum({_PRICE}) revenue
            FROM lineitem JOIN supplier ON s_suppkey = l_suppkey JOIN nation giver ON giver.n_nationkey = s_nationkey
            JOIN orders ON o_orderkey = l_orderkey JOIN customer ON c_custkey = o_custkey
            JOIN nation taker ON taker.n_nationkey = c_nationkey
            WHERE (giver.n_name, taker.n_name) IN (('FRANCE', 'GERMANY'), ('GERMANY', 'FRANCE'))
              AND l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
            GROUP BY ALL ORDER BY supplier, customer, shipped""",
        8: f"""
            SELECT year(o_orderdate) ordered,
                   sum({_PRICE}) FILTER (WHERE giver.n_name = 'BRAZIL') / sum({_PRICE}) share
            FROM part JOIN lineitem ON l_partkey = p_partkey JOIN supplier ON s_suppkey = l_suppkey
            JOIN nation giver ON giver.n_nationkey = s_nationkey
            JOIN orders ON o_orderkey = l_orderkey JOIN customer ON c_custkey = o_custkey
            JOIN nation taker ON taker.n_nationkey = c_nationkey
            JOIN region ON r_regionkey = taker.n_regionkey AND r_name = 'AMERICA'
            WHERE p_type = 'ECONOMY ANODIZED STEEL' AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
            GROUP BY ALL ORDER BY ordered""",
        9: f"""
            SELECT n_name, year(o_orderdate) ordered, sum({_PRICE} - ps_supplycost * l_quantity) profit
            FROM part JOIN lineitem ON l_partkey = p_partkey
            JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
            JOIN supplier ON s_suppkey = l_suppkey JOIN nation ON n_nationkey = s_nationkey
            JOIN orders ON o_orderkey = l_orderkey
            WHERE contains(p_name, 'green') GROUP BY ALL ORDER BY n_name, ordered DESC""",
        10: f"""
            SELECT c_custkey, c_name, sum({_PRICE}) lost, c_acctbal, n_name, c_address, c_phone, c_comment
            FROM customer JOIN nation ON n_nationkey = c_nationkey JOIN orders ON o_custkey = c_custkey
            JOIN lineitem ON l_orderkey = o_orderkey AND l_returnflag = 'R'
            WHERE o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1994-01-01'
            GROUP BY ALL ORDER BY lost DESC LIMIT 20""",
        11: f"""
            WITH stock AS (
              SELECT ps_partkey, sum(ps_supplycost * ps_availqty) worth FROM partsupp
              JOIN supplier ON s_suppkey = ps_suppkey JOIN nation ON n_nationkey = s_nationkey AND n_name = 'GERMANY'
              GROUP BY ps_partkey)
            SELECT * FROM stock WHERE worth > (SELECT sum(worth) FROM stock) * {0.0001 / scale:.10f}
            ORDER BY worth DESC""",
        12: """
            SELECT l_shipmode, count_if(o_orderpriority IN ('1-URGENT', '2-HIGH')) high,
                   count_if(o_orderpriority NOT IN ('1-URGENT', '2-HIGH')) low
            FROM lineitem JOIN orders ON o_orderkey = l_orderkey
            WHERE l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
              AND year(l_receiptdate) = 1994
            GROUP BY l_shipmode ORDER BY l_shipmode""",
        13: """
            WITH each AS (
              SELECT c_custkey, count(o_orderkey) orders FROM customer
              LEFT JOIN orders ON o_custkey = c_custkey AND NOT o_comment LIKE '%special%requests%' GROUP BY c_custkey)
            SELECT orders, count(*) customers FROM each GROUP BY orders ORDER BY customers DESC, orders DESC""",
        14: f"""
            SELECT 100 * sum({_PRICE}) FILTER (WHERE startswith(p_type, 'PROMO')) / sum({_PRICE}) share
            FROM lineitem JOIN part ON p_partkey = l_partkey
            WHERE l_shipdate >= DATE '1995-09-01' AND l_shipdate < DATE '1995-10-01'""",
        15: f"""
            WITH earned AS (
              SELECT l_suppkey, sum({_PRICE}) revenue FROM lineitem
              WHERE l_shipdate >= DATE '1996-01-01' AND l_shipdate < DATE '1996-04-01' GROUP BY l_suppkey)
            SELECT s_suppkey, s_name, s_address, s_phone, revenue FROM supplier JOIN earned ON l_suppkey = s_suppkey
            WHERE revenue = (SELECT max(revenue) FROM earned) ORDER BY s_suppkey""",
        16: """
            SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) suppliers
            FROM part JOIN partsupp ON ps_partkey = p_partkey
            LEFT ANTI JOIN supplier ON s_suppkey = ps_suppkey AND s_comment LIKE '%Customer%Complaints%'
            WHERE p_brand <> 'Brand#45' AND NOT startswith(p_type, 'MEDIUM POLISHED')
              AND p_size IN (3, 9, 14, 19, 23, 36, 45, 49)
            GROUP BY ALL ORDER BY suppliers DESC, p_brand, p_type, p_size""",
        17: """
            WITH wanted AS (
              SELECT l_partkey, l_quantity, l_extendedprice FROM lineitem
              JOIN part ON p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container = 'MED BOX'),
            usual AS (SELECT l_partkey part, avg(l_quantity) quantity FROM wanted GROUP BY l_partkey)
            SELECT sum(l_extendedprice) / 7.0 a_year FROM wanted JOIN usual ON part = l_partkey
            WHERE l_quantity < 0.2 * quantity""",
        18: """
            WITH large AS (
              SELECT l_orderkey, sum(l_quantity) quantity FROM lineitem GROUP BY l_orderkey HAVING quantity > 300)
            SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, quantity
            FROM large JOIN orders ON o_orderkey = l_orderkey JOIN customer ON c_custkey = o_custkey
            ORDER BY o_totalprice DESC, o_orderdate LIMIT 100""",
        19: f"""
            SELECT sum({_PRICE}) revenue FROM lineitem JOIN part ON p_partkey = l_partkey
            WHERE l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON' AND p_size >= 1 AND (
              p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
                AND l_quantity BETWEEN 1 AND 11 AND p_size <= 5
              OR p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
                AND l_quantity BETWEEN 10 AND 20 AND p_size <= 10
              OR p_brand = 'Brand#34' AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
                AND l_quantity BETWEEN 20 AND 30 AND p_size <= 15)""",
        20: """
            WITH shipped AS (
              SELECT l_partkey, l_suppkey, sum(l_quantity) quantity FROM lineitem
              WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' GROUP BY l_partkey, l_suppkey),
            plenty AS (
              SELECT DISTINCT ps_suppkey FROM partsupp
              JOIN part ON p_partkey = ps_partkey AND startswith(p_name, 'forest')
              JOIN shipped ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND ps_availqty > 0.5 * quantity)
            SELECT s_name, s_address FROM supplier JOIN plenty ON ps_suppkey = s_suppkey
            JOIN nation ON n_nationkey = s_nationkey AND n_name = 'CANADA' ORDER BY s_name""",
        21: """
            WITH lines AS (
              SELECT l_orderkey, l_suppkey, l_receiptdate > l_commitdate late FROM lineitem),
            blamed AS (
              SELECT l_orderkey, max(l_suppkey) FILTER (WHERE late) culprit FROM lines GROUP BY l_orderkey
              HAVING count(DISTINCT l_suppkey) > 1 AND count(DISTINCT l_suppkey) FILTER (WHERE late) = 1)
            SELECT s_name, count(*) waits
            FROM blamed JOIN orders ON o_orderkey = blamed.l_orderkey AND o_orderstatus = 'F'
            JOIN supplier ON s_suppkey = culprit JOIN nation ON n_nationkey = s_nationkey AND n_name = 'SAUDI ARABIA'
            JOIN lines ON lines.l_orderkey = blamed.l_orderkey AND lines.l_suppkey = culprit AND late
            GROUP BY s_name ORDER BY waits DESC, s_name LIMIT 100""",
        22: """
            WITH idle AS (
              SELECT left(c_phone, 2) country, c_acctbal, c_custkey FROM customer
              WHERE left(c_phone, 2) IN ('13', '17', '18', '23', '29', '30', '31'))
            SELECT country, count(*) customers, sum(c_acctbal) balance FROM idle
            LEFT ANTI JOIN orders ON o_custkey = c_custkey
            WHERE c_acctbal > (SELECT avg(c_acctbal) FROM idle WHERE c_acctbal > 0)
            GROUP BY country ORDER BY country""",
    }
