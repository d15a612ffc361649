// How a process is shown one NVIDIA GPU, all or none.

/** Variables under which it sees what `visible`, in the words of CUDA_VISIBLE_DEVICES, says; undefined: all GPUs. */
export function nvidiaEnv(parent: NodeJS.ProcessEnv, visible: string | undefined): NodeJS.ProcessEnv {
  return {
    CUDA_VISIBLE_DEVICES: visible,
    // Numbers GPUs as nvidia-smi does, not fastest first.
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // Errors only: TensorFlow reports its start-up at length.
    TF_CPP_MIN_LOG_LEVEL: parent.TF_CPP_MIN_LOG_LEVEL ?? "2",
  };
}

/** Variables under which a process sees none, whatever else it loads. */
export function withoutNvidia(parent: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return nvidiaEnv(parent, "");
}

/** The `index`-th GPU that the parent sees, in the parent's own words for it; "" where it sees fewer. */
export function visibleGpu(parent: NodeJS.ProcessEnv, index: number): string {
  const list = parent.CUDA_VISIBLE_DEVICES;
  if (list === undefined) return String(index);
  return list.split(",")[index]?.trim() ?? "";
}
