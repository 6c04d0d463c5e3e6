// Pictures of the models that are in sight, a few at a time: the server draws one after the other.

const AT_ONCE = 2;

export class Thumbnails {
  /** load(id) resolves to the address of a picture or throws; `list` is the element that scrolls. */
  constructor(list, load) {
    this.load = load;
    this.inSight = new Map();
    this.known = new Map();
    this.running = 0;
    this.observer = new IntersectionObserver((seen) => seen.forEach((one) => this.#see(one)), { root: list, rootMargin: "200px" });
  }

  /** Fills `picture`, an element, with that of model `id` as soon as it comes into sight. */
  watch(picture, id) {
    const before = this.known.get(id);
    if (before) {
      before(picture);
      return;
    }
    picture.dataset.id = id;
    this.observer.observe(picture);
  }

  /** Forgets the elements watched so far. */
  clear() {
    this.observer.disconnect();
    this.inSight.clear();
  }

  #see({ target, isIntersecting }) {
    if (isIntersecting) this.inSight.set(target, Number(target.dataset.id));
    else this.inSight.delete(target);
    this.#work();
  }

  async #work() {
    if (this.running >= AT_ONCE) return;
    const next = this.inSight.entries().next().value;
    if (!next) return;
    const [picture, id] = next;
    this.inSight.delete(picture);
    this.observer.unobserve(picture);
    this.running += 1;
    const fill = await this.#fetched(id);
    this.known.set(id, fill);
    fill(picture);
    this.running -= 1;
    this.#work();
  }

  async #fetched(id) {
    try {
      const address = await this.load(id);
      return (picture) => {
        const image = document.createElement("img");
        image.alt = "";
        image.src = address;
        picture.replaceChildren(image);
      };
    } catch (error) {
      return (picture) => {
        picture.textContent = "cannot be shown";
        picture.title = error.message;
      };
    }
  }
}
