"""Two processes that are the ranks of one training."""

import torch
import torch.distributed as dist

RANKS = 2


def join(rank: int, meeting_point: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=RANKS)


def same_on_all_ranks(tensors: list[torch.Tensor]) -> bool:
    digests = [float(tensor.detach().double().sum()) for tensor in tensors]
    everyones = [None] * RANKS
    dist.all_gather_object(everyones, digests)
    return all(theirs == digests for theirs in everyones)
