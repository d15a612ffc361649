import { Base, ddp, lin, note } from "./base.mjs";
export default class extends Base {
  getLoaders() {
    const l = super.getLoaders();
    const t = lin(8, { seen: (i) => note({ rank: this.config.rank, loader: "train", i }) });
    l.train = new ddp.DataLoader(t, { batchSize: this.config.batchSize });
    return l;
  }
}
