/** The image that a view shows: each part of the view hears of its changes. */

import { call, path } from "../app/api.js";
import { readImage, takeEverywhere } from "./collection.js";
import { fittingVariant, picture } from "./picture.js";
import { titleOf } from "./status.js";

/** @typedef {import("./collection.js").Image} Image */
/** @typedef {import("./collection.js").Variant} Variant */

const LINKS_ARE_NEW = 10_000;

/** Events: `changed`. */
export class OneImage extends EventTarget {
  /** @type {Promise<void> | null} */
  #renewing = null;
  #renewedAt = 0;

  /** @param {Image} image @param {AbortSignal} signal of the view */
  constructor(image, signal) {
    super();
    this.image = image;
    this.signal = signal;
  }

  get id() {
    return this.image.imageId;
  }

  /** @param {Image} image as it is now */
  take(image) {
    this.image = image;
    takeEverywhere(image);
    this.dispatchEvent(new Event("changed"));
  }

  /** Calls now, and whenever what `part` gives of the image has changed.
   * @param {(image: Image) => unknown} part @param {(image: Image) => void} draw */
  follow(part, draw) {
    let last = JSON.stringify(part(this.image));
    draw(this.image);
    const changed = () => {
      const now = JSON.stringify(part(this.image));
      if (now === last) return;
      last = now;
      draw(this.image);
    };
    this.addEventListener("changed", changed, { signal: this.signal });
  }

  /** Changes title, tags or focal point. @param {{title?: string | null, tags?: string[], focalPoint?: any}} change */
  async change(change) {
    const { image } = await call("PATCH", path`images/${this.id}`, { body: change });
    this.take(image);
  }

  /** A picture of one of its variants. @param {Variant | undefined} variant @param {{isLazy?: boolean}} [options] */
  picture(variant, options = {}) {
    const renew = async () => {
      await this.#renewLinks();
      return this.image.variants.find((each) => each.s3Key === variant?.s3Key)?.url;
    };
    const { placeholder, metadata } = this.image;
    const color = metadata.dominantColor;
    return picture({ address: variant?.url, placeholder, color, alt: titleOf(this.image), renew, ...options });
  }

  /** The variant that fits into so many pixels. @param {number} width @param {boolean} [isMarked] */
  fitting(width, isMarked = false) {
    return fittingVariant(this.image, width, isMarked);
  }

  #renewLinks() {
    if (Date.now() - this.#renewedAt < LINKS_ARE_NEW) return Promise.resolve();
    this.#renewing ??= readImage(this.id, this.signal)
      .then((image) => {
        this.#renewedAt = Date.now();
        this.take(image);
      })
      .finally(() => (this.#renewing = null));
    return this.#renewing;
  }
}
