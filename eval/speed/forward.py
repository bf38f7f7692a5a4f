"""A whole forward pass against retro-pytorch: same sizes, same batch, taking turns.

python -m eval.speed.forward --peer FOLDER
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import ExitStack

from eval.speed.counts import forward_gflop, peer_gflop
from eval.speed.machine import NO_BFLOAT16
from eval.speed.measure import Measured, interleave, ratios
from eval.speed.options import Options, parse
from eval.speed.results import spread, table, verdict, write_section
from eval.speed.sizes import Sizes
from eval.speed.worker import Worker

PEER = "retro-pytorch"
FULL = "retro-pytorch in float32"
OURS = {"odqa": "xl", "odqa, rotary": "rope"}
DIFFERENCES = """Where the two differ: odqa has the paper's Transformer-XL positions, which cost one
more product for each attention (the second row has rotary ones, as the peer), a norm on the
retrieving chunk, no biases, and no absolute positions. The peer rotates 32 dimensions of a head,
adds absolute positions, copies and projects the retrieving chunk for every neighbour, projects
encodings once more, and has one learned null key in chunked cross-attention. Both share embeddings
between decoder and encoder and have a read-out of their own. Heads are 8 of 128 on both sides: the
peer builds 8 whatever it is asked for."""


def main() -> None:
    """Measure and write the section."""
    options = parse(__doc__ or "", repetitions=5, peer=True)
    sizes = Sizes()
    parts = [f"{options.machine}\n\n{_described(sizes)}\n\n{DIFFERENCES}"]
    parts.extend(_section(options, sizes, dtype) for dtype in options.peaks)
    if "bfloat16" not in options.peaks:
        parts.append(f"bfloat16: {NO_BFLOAT16}, not measured.")
    write_section(options.out, "A forward pass against retro-pytorch", "\n\n".join(parts))


def _described(s: Sizes) -> str:
    return (
        f"{s.layers} layers, width {s.width}, heads {s.heads} × {s.head_dim}, chunked "
        f"cross-attention in layers {', '.join(map(str, s.cross_layers))}, encoder of "
        f"{s.encoder_layers} layers; {s.batch} × {s.tokens} tokens with logits over "
        f"{s.vocabulary:,} words, {s.neighbours} neighbours of {s.retrieved} tokens for each chunk "
        f"of {s.chunk}."
    )


def _section(options: Options, sizes: Sizes, dtype: str) -> str:
    settings = {**options.settings, "sizes": dataclasses.asdict(sizes), "dtype": dtype}
    peers = {PEER: settings}
    if dtype != "float32":
        peers[FULL] = {**settings, "dtype": "float32"}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(name, "eval.speed.peer_retro_pytorch", said, options.peer))
            for name, said in peers.items()
        ]
        for name, position in OURS.items():
            ours = Worker(name, "eval.speed.ours", {**settings, "position": position})
            workers.append(stack.enter_context(ours))
        found = interleave(workers, options.repetitions, f"forward, {dtype}")
        memory = {w.name: found[w.name].peak_mb - w.facts["imported_mb"] for w in workers}
        parameters = {w.name: w.facts["parameters"] for w in workers}
        # On a GPU the CPU only queues; its time says nothing.
        cpu = options.device.type == "cpu"
        where = [f"- {w.name}: {_where(w.profile())}." for w in workers] if cpu else []
    gflop = {name: forward_gflop(sizes, position) for name, position in OURS.items()}
    gflop |= dict.fromkeys(peers, peer_gflop(sizes))
    peaks = dict.fromkeys(found, options.peaks[dtype]) | {FULL: options.peaks["float32"]}
    rows = [
        _row(found[PEER], found[name], gflop[name], parameters[name], memory[name], peaks[name])
        for name in (*peers, *OURS)
    ]
    header = (dtype, "s", "ratio", "GFLOP", "GFLOP/s", "of peak", "parameters, M", "memory, MB")
    verdicts = [
        verdict(f"{name} to {peer}", ratios(found[peer], found[name])[0], wanted)
        for peer, wanted in _wanted(options, dtype).items()
        for name in OURS
    ]
    more = [
        f"- {name}: {memory[name] / memory[PEER]:.2f} times the peer's memory, wanted at most 1."
        for name in OURS
    ]
    goes = ["", "Where the time goes, in one further run of each:", "", *where] if where else []
    return "\n".join([table(header, rows), "", *verdicts, *more, *goes])


def _where(shares: Mapping[str, float], most: int = 7) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in list(shares.items())[:most])


def _wanted(options: Options, dtype: str) -> dict[str, float]:
    """Side of the peer -> how many times as fast as it."""
    if dtype == "float32":
        return {PEER: 1.1}
    return {PEER: 1.5} if options.device.type == "cuda" else {FULL: 2.5}


def _row(
    peer: Measured, side: Measured, gflop: float, parameters: int, memory: float, peak: float
) -> list[str]:
    speed = gflop / side.seconds
    return [
        side.name,
        spread(side.seconds, *side.spread),
        spread(*ratios(peer, side)),
        f"{gflop:.0f}",
        f"{speed:.1f}",
        f"{speed / peak:.0%}",
        f"{parameters / 1e6:.1f}",
        f"{memory:,.0f}",
    ]


if __name__ == "__main__":
    main()
