"""PyTorch DDP (gloo) on the model of benchmarks/large-recipe.ts: 25 million weights, 100 MB of gradients a step.

Usage: torch_large.py --workers N [--batch 4] [--steps 8] [--hook none|fp16|bf16]
Prints one JSON line: ms a step on rank 0, mean of `steps` steps after as many that are not counted.
"""
import argparse, json, os, time
import torch, torch.distributed as dist, torch.multiprocessing as mp
from torch import nn, optim
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel as DDP

SIZES = [784, 3584, 3584, 2560, 10]

def worker(rank, a):
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=os.environ['PORT'])
    dist.init_process_group('gloo', rank=rank, world_size=a.workers)
    model = nn.Sequential(*(nn.Linear(m, n) for m, n in zip(SIZES, SIZES[1:])))
    ddp = DDP(model)
    if a.hook != 'none':
        ddp.register_comm_hook(None, getattr(default_hooks, f'{a.hook}_compress_hook'))
    opt = optim.SGD(model.parameters(), 0.01)
    crit = nn.CrossEntropyLoss()
    x, y = torch.rand(a.batch, SIZES[0]), torch.zeros(a.batch, dtype=torch.int64)
    for _ in range(2):
        dist.barrier(); t = time.perf_counter()
        for _ in range(a.steps):
            opt.zero_grad(); crit(ddp(x), y).backward(); opt.step()
        dist.barrier(); dt = time.perf_counter() - t
    if rank == 0:
        print(json.dumps(dict(ms=dt / a.steps * 1000)))

if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--workers', type=int, required=True)
    p.add_argument('--batch', type=int, default=4)
    p.add_argument('--steps', type=int, default=8)
    p.add_argument('--hook', choices=['none', 'fp16', 'bf16'], default='none')
    a = p.parse_args()
    mp.spawn(worker, (a,), a.workers)
