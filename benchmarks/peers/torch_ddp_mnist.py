"""PyTorch DDP (gloo) doing the seed's two-stage MNIST job, for a side-by-side with ddp-train.

Usage: torch_ddp_mnist.py --data DIR --workers N [--batch 32] [--epochs 3] [--lean]
--lean: whole set as tensors, no DataLoader (the fastest plain-PyTorch loop), else torch DataLoader as the seed does.
Prints one JSON line: per-epoch train seconds of rank 0, samples/s over all ranks, and valid accuracy.
Origin: shared/peers/torch_ddp_mnist.py of this project's material. Changed: the port comes from PORT, and the line
says when (seconds since 1970) the first training step began.
"""
import argparse, gzip, json, os, time
import numpy as np
import torch, torch.distributed as dist, torch.multiprocessing as mp
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

def idx(path):
    raw = gzip.open(path).read() if path.endswith('.gz') else open(path, 'rb').read()
    n = raw[3]
    dims = [int.from_bytes(raw[4+4*i:8+4*i], 'big') for i in range(n)]
    return np.frombuffer(raw, np.uint8, offset=4+4*n).reshape(dims)

def load(d, split):
    p = lambda s: next(q for q in (f'{d}/{s}', f'{d}/{s}.gz') if os.path.exists(q))
    pre = 'train' if split else 't10k'
    x = torch.from_numpy(idx(p(f'{pre}-images-idx3-ubyte')).astype(np.float32) / 255).view(-1, 784)
    y = torch.from_numpy(idx(p(f'{pre}-labels-idx1-ubyte')).astype(np.int64))
    return x, y

def worker(rank, a, port):
    torch.set_num_threads(a.threads)
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=a.workers)
    torch.manual_seed(0)
    x, y = load(a.data, True); vx, vy = load(a.data, False)
    out = []; first = None
    state = None
    for stage in ('freezed', 'unfreezed'):
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        if state is not None: model.load_state_dict(state)
        for p in model[1].parameters(): p.requires_grad_(stage != 'freezed')
        ddp = DDP(model)
        opt = optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3) if stage == 'freezed' else optim.SGD(model.parameters(), 1e-1)
        crit = nn.CrossEntropyLoss()
        sampler = DistributedSampler(TensorDataset(x, y), a.workers, rank)
        loader = DataLoader(TensorDataset(x, y), batch_size=a.batch, sampler=sampler)
        for e in range(a.epochs):
            sampler.set_epoch(e)
            dist.barrier(); t = time.perf_counter(); n = 0
            if a.lean:
                order = torch.tensor(list(iter(sampler)))
                batches = ((x[i], y[i]) for i in order.split(a.batch))
            else:
                batches = loader
            for bx, by in batches:
                first = first or time.time()
                opt.zero_grad(); loss = crit(ddp(bx), by); loss.backward(); opt.step(); n += len(by)
            dist.barrier(); dt = time.perf_counter() - t
            with torch.no_grad():
                acc = (model(vx).argmax(1) == vy).float().mean().item()
            out.append(dict(stage=stage, epoch=e, train_s=round(dt, 3), samples_per_s=round(n * a.workers / dt), valid_acc=round(acc, 4)))
        state = model.state_dict()
    if rank == 0: print(json.dumps(dict(engine='torch ' + torch.__version__, workers=a.workers, batch=a.batch, lean=a.lean, first_step_at=first, epochs=out)))
    dist.destroy_process_group()

if __name__ == '__main__':
    q = argparse.ArgumentParser(); q.add_argument('--data', required=True); q.add_argument('--workers', type=int, default=2)
    q.add_argument('--batch', type=int, default=32); q.add_argument('--epochs', type=int, default=3); q.add_argument('--lean', action='store_true'); q.add_argument('--threads', type=int, default=1)
    a = q.parse_args()
    mp.spawn(worker, (a, int(os.environ.get('PORT', 29511))), nprocs=a.workers)
