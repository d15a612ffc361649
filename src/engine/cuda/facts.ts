// tfjs-node-gpu on one NVIDIA GPU a worker.
import type { EngineFacts } from "../facts.js";
import { PACKAGE_DEATHS } from "../native/facts.js";
import { nvidiaEnv, visibleGpu } from "../nvidia.js";

export const cuda = {
  name: "cuda",
  code: new URL("./engine.js", import.meta.url),
  gpu: "NVIDIA GPU",
  // On a card newer than the library the driver compiles all kernels at the first step: up to half an hour, once.
  firstStepSeconds: 1800,
  deaths: PACKAGE_DEATHS,
  // The package takes the last GPU that it sees and has no call to choose one: it is shown one only.
  env: (parent, localRank) =>
    nvidiaEnv(parent, localRank === null ? parent.CUDA_VISIBLE_DEVICES : visibleGpu(parent, localRank)),
} as const satisfies EngineFacts;
