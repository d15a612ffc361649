// The one place from which the project's own code takes tfjs. Importing layers also registers all gradients, which
// tfjs-core alone does not.
import "./chained-ops.js";

export * as tf from "./tf-namespace.js";
