"""PyTorch, one process and one thread, training the small net of `bench cnn`, without DataLoader, metrics or logs.

Usage: torch_cnn.py --data DIR [--batch 32] [--steps 300] [--epochs 2]
An epoch is a shuffled pass over the first STEPS * BATCH images. Prints one JSON line: seconds of each epoch's training,
and loss and accuracy on the validation set at the end.
"""
import argparse, json, time
import torch
from torch import nn, optim
from torch_ddp_mnist import load

q = argparse.ArgumentParser()
q.add_argument('--data', required=True)
q.add_argument('--batch', type=int, default=32)
q.add_argument('--steps', type=int, default=300)
q.add_argument('--epochs', type=int, default=2)
a = q.parse_args()

torch.set_num_threads(1)
torch.manual_seed(0)
x, y = load(a.data, True)
vx, vy = load(a.data, False)
x, vx = x.view(-1, 1, 28, 28), vx.view(-1, 1, 28, 28)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(7 * 7 * 32, 10))
opt = optim.Adam(model.parameters(), 1e-3)
crit = nn.CrossEntropyLoss()
seconds = []
for _ in range(a.epochs):
    t = time.perf_counter()
    for i in torch.randperm(a.steps * a.batch).split(a.batch):
        opt.zero_grad()
        loss = crit(model(x[i]), y[i])
        loss.backward()
        opt.step()
    seconds.append(time.perf_counter() - t)
with torch.no_grad():
    logits = torch.cat([model(part) for part in vx.split(250)])
print(json.dumps(dict(
    train_s=seconds,
    valid_loss=crit(logits, vy).item(),
    valid_acc=(logits.argmax(1) == vy).float().mean().item())))
