"""A language model behind an endpoint: retries, parallel requests, a limit, answers kept."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from odqa.cache import content_key
from odqa.errors import ComponentError
from odqa.generation.config import EndpointConfig
from odqa.generation.failures import Failure, failure_of, transport_failure
from odqa.generation.kept import find_completion, keep_completion
from odqa.generation.key import Key
from odqa.generation.language_model import Completion, LanguageModel, Prompt
from odqa.generation.protocol import Rubbish, parse_answer, path_of, request_body
from odqa.generation.retries import LONGEST_ASKED, retry_after, waiting_time
from odqa.generation.spending import amount_of, ledger_of, worst_case
from odqa.generation.transport import TransportFailure, post_json
from odqa.meters.usage import Usage

if TYPE_CHECKING:
    from odqa.cache import Cache


class Endpoint(LanguageModel):
    """Asks a server; what it answered before comes from the cache.

    Completions are kept by server, model, prompt and parameters (`EndpointConfig.identity`), so
    that equal requests are sent once, by whatever stage or run. Of a run that ends in the middle
    the requests in flight are lost and nothing else.
    """

    def __init__(self, config: EndpointConfig, cache: Cache) -> None:
        self._config = config
        self._cache = cache
        self.is_chat = config.api == "chat"
        self._ledger = ledger_of(config)
        self._jitter = random.Random()
        self._key: Key | None = None

    def require_key(self) -> None:
        """Read the key now.

        Raises:
            EnvironmentProblem: its environment variable is not set.
        """
        self._key = self._key or Key(self._config)

    def identity(self) -> dict[str, object]:
        return dict(self._config.identity())

    def facts(self) -> dict[str, str]:
        config = self._config
        prices = ""
        if config.prompt_price is not None:
            prices = f"{config.prompt_price:g} and {config.completion_price:g} per million tokens"
        return {
            "device": "endpoint",
            "endpoint": config.origin,
            "model": config.model,
            **({"prices": prices} if prices else {}),
        }

    def _complete(
        self, prompts: Sequence[Prompt], max_tokens: int, stop: tuple[str, ...]
    ) -> list[Completion]:
        completions = self._ask_all(
            [request_body(self._config, prompt, max_tokens, stop) for prompt in prompts]
        )
        return [replace(c, text=_before(c.text, stop)) for c in completions]

    def _choose(
        self, prompts: Sequence[Prompt], choices: tuple[str, ...]
    ) -> tuple[list[list[float]], list[Usage]]:
        config = self._config
        completions = self._ask_all(
            [request_body(config, prompt, 1, log_probabilities=True) for prompt in prompts]
        )
        values = []
        for completion in completions:
            if not completion.first_token:
                raise ComponentError(
                    f"'{config.model}' gives no log-probabilities",
                    where=f"endpoint {config.origin}",
                    cure="set score: text",
                )
            values.append([_log_probability(completion, choice) for choice in choices])
        return values, [completion.usage for completion in completions]

    def _ask_all(self, bodies: Sequence[dict[str, Any]]) -> list[Completion]:
        """Completions in order; equal requests are one, and those answered before are not sent."""
        distinct = {content_key(body): body for body in bodies}
        found: dict[str, Completion] = {}
        for key, body in distinct.items():
            if (completion := find_completion(self._cache, self._identity(body))) is not None:
                found[key] = completion
        # As long as they took together, when so many were under way at a time.
        at_a_time = min(self._config.parallel, len(found)) or 1
        found = {key: replace(c, seconds=c.seconds / at_a_time) for key, c in found.items()}
        missing = {key: body for key, body in distinct.items() if key not in found}
        if missing:
            self.require_key()
            found |= self._ask_missing(missing)
        return [self._priced(found[content_key(body)]) for body in bodies]

    def _ask_missing(self, bodies: Mapping[str, dict[str, Any]]) -> dict[str, Completion]:
        stopping = Event()
        workers = min(self._config.parallel, len(bodies))
        with ThreadPoolExecutor(workers, thread_name_prefix="endpoint") as pool:
            futures = [pool.submit(self._ask_and_keep, body, stopping) for body in bodies.values()]
            try:
                wait(futures)
            finally:
                # Interrupted: those in flight end and are kept, the others are not begun.
                stopping.set()
        # Raises the error of the first one that failed.
        completions = [future.result() for future in futures]
        return {key: c for key, c in zip(bodies, completions, strict=True) if c is not None}

    def _ask_and_keep(self, body: dict[str, Any], stopping: Event) -> Completion | None:
        """`None` once another request has failed: what follows it is not asked."""
        if stopping.is_set():
            return None
        try:
            return keep_completion(
                self._cache, self._identity(body), lambda: self._ask(body, stopping)
            )
        except BaseException:
            stopping.set()
            raise

    def _identity(self, body: Mapping[str, Any]) -> dict[str, object]:
        identity = self._config.identity()
        return {"server": identity["server"], "api": self._config.api, "request": body}

    def _priced(self, completion: Completion) -> Completion:
        price = self._config.price(completion.prompt_tokens, completion.completion_tokens)
        return replace(completion, price=price)

    def _ask(self, body: dict[str, Any], stopping: Event) -> Completion:
        """The answer of the server, after as many tries as it takes or may take."""
        config = self._config
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._ask_once(body)
            except Failure as failure:
                asked = retry_after(failure.headers)
                is_last = attempt > config.retries or (asked or 0.0) > LONGEST_ASKED
                if not failure.may_pass or is_last:
                    raise failure.error(config, attempt, asked) from None
                if stopping.wait(waiting_time(attempt, failure.headers, self._jitter)):
                    raise failure.error(config, attempt, asked) from None

    def _ask_once(self, body: dict[str, Any]) -> Completion:
        config, key = self._config, self._key
        assert key is not None
        max_tokens = int(body[config.token_limit])
        text = body.get("prompt") or "".join(m["content"] for m in body.get("messages", ()))
        reserved = worst_case(config, len(text.encode()), max_tokens)
        self._ledger.reserve(config, reserved)
        # Until something else is known: the server may have done, and billed, all of it.
        used = reserved
        try:
            started = time.perf_counter()
            try:
                answer = post_json(
                    path_of(config),
                    body,
                    key.headers(),
                    config.timeout,
                    int(config.response_mb * 1e6),
                    proxied=not config.is_loopback,
                )
            except TransportFailure as failure:
                if not failure.was_sent:
                    used = amount_of(config, 0, 0)
                raise transport_failure(failure) from None
            seconds = time.perf_counter() - started
            answer = replace(answer, body=key.masked_body(answer.body))
            if answer.status != 200:
                used = amount_of(config, 0, 0)
                raise failure_of(config, answer, key)
            try:
                parsed = parse_answer(config, answer.body)
            except Rubbish as rubbish:
                raise Failure(str(rubbish)) from None
            is_known = parsed.prompt_tokens is not None and parsed.completion_tokens is not None
            if is_known:
                used = amount_of(config, parsed.prompt_tokens or 0, parsed.completion_tokens or 0)
            return Completion(
                key.masked(parsed.text),
                (parsed.prompt_tokens or 0) if is_known else reserved.tokens - max_tokens,
                (parsed.completion_tokens or 0) if is_known else max_tokens,
                seconds=seconds,
                is_cut=parsed.is_cut,
                first_token=tuple((key.masked(t), value) for t, value in parsed.first_token),
                estimated=not is_known,
            )
        finally:
            self._ledger.settle(reserved, used)


def _before(text: str, stop: Sequence[str]) -> str:
    """The text before the first of these; not every server knows ``stop``."""
    ends = [at for mark in stop if (at := text.find(mark)) >= 0]
    return text[: min(ends)] if ends else text


def _log_probability(completion: Completion, choice: str) -> float:
    """Of a choice as first token: the sum over its spellings, at most that of the last one known
    where it is none of them."""
    wanted = choice.strip().lower()
    values = [value for token, value in completion.first_token if token.strip().lower() == wanted]
    if not values:
        return min(value for _, value in completion.first_token)
    return math.log(sum(map(math.exp, values))) if max(values) > -700 else max(values)
