"""gloo all-reduce (PyTorch) at given sizes, N processes on this machine. Prints one JSON line: mean us per call.

Usage: gloo_allreduce.py RANKS BYTES:ITERATIONS...   (PORT in the environment: a free port)
Origin: shared/peers/gloo_allreduce.py of this project's material. Changed: sizes and iterations are
given, 500 small calls go first, as in ours, and the result is JSON.
"""
import json, os, sys, time, torch, torch.distributed as dist, torch.multiprocessing as mp
def w(r, n, sizes):
    torch.set_num_threads(1); os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=os.environ.get('PORT','29513'))
    dist.init_process_group('gloo', rank=r, world_size=n)
    out = {}; t = torch.ones(1000)
    for _ in range(500): dist.all_reduce(t)
    for size in sizes:
        b, it = map(int, size.split(':'))
        t = torch.ones(b // 4)
        for _ in range(10): dist.all_reduce(t)
        t.fill_(1); dist.barrier(); s = time.perf_counter()
        for _ in range(it): dist.all_reduce(t)
        out[b] = (time.perf_counter() - s) / it * 1e6
    if r == 0: print(json.dumps(out))
    # Without these, a rank that ends first now and then takes the others down with an abort.
    dist.barrier(); dist.destroy_process_group()
mp.spawn(w, (int(sys.argv[1]), sys.argv[2:]), nprocs=int(sys.argv[1])) if __name__ == '__main__' else None
