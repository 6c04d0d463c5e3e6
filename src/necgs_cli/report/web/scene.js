// One or several meshes side by side under one camera, so that they always turn together.

import * as THREE from "three";
import { OrbitControls } from "three/orbit";
import { el } from "necgs/dom";
import { corners, edges, frameOf, positionsIn } from "necgs/mesh";

const FIELD_OF_VIEW = 24; // degrees: a mild perspective
const AZIMUTH = (32 * Math.PI) / 180; // the first view is that of the still pictures
const ELEVATION = (18 * Math.PI) / 180;
const MARGIN = 1.1;
const SIDE_BY_SIDE_FROM = 560; // pixels; narrower views stand below each other
const TURN = Math.PI / 24; // of a key press
const ZOOM = 1.15;
const SURFACE = 0xc3c8ce;
const NO_WEBGL = "This browser offers no WebGL, which 3D views need.";

export class SceneView {
  /** Fills `host`, an element with a size, with an empty view. */
  constructor(host) {
    this.host = host;
    this.panels = [];
    this.coloured = this.wireframe = this.touched = false;
    this.canvas = el("canvas", { tabIndex: 0, role: "img", "aria-label": "3D view", hidden: true });
    this.labels = el("div", { class: "scene-labels" });
    this.message = el("p", { class: "scene-message", role: "status" });
    host.classList.add("scene");
    host.replaceChildren(this.canvas, this.labels, this.message);
    try {
      this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: true, alpha: true });
    } catch {
      this.say(NO_WEBGL);
      return;
    }
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.01, 200);
    this.scene.add(this.camera, new THREE.HemisphereLight(0xffffff, 0x9a9a9a, 1.7));
    const lamp = new THREE.DirectionalLight(0xffffff, 1.75);
    lamp.position.set(-0.6, 0.9, 0.8); // from the upper left of whoever looks
    this.camera.add(lamp);
    this.scene.add(lamp.target);
    this.materials = makeMaterials();
    this.#listen();
  }

  /**
   * Shows meshes (see mesh.js) in the frame of the first that has faces.
   * panels: [{ label, mesh, name }], name for those who cannot see it; ramp: CSS colours of an error from none to the scale's end, where meshes have errors.
   */
  show(panels, ramp = null) {
    if (!this.renderer) {
      this.say(NO_WEBGL);
      return;
    }
    this.clear();
    const reference = (panels.find(({ mesh }) => mesh.about.faces > 0) ?? panels[0]).mesh.about;
    this.frame = frameOf(reference);
    this.materials.coloured.map?.dispose();
    this.materials.coloured.map = ramp && rampTexture(ramp);
    this.materials.coloured.needsUpdate = true;
    this.panels = panels.map(({ label, mesh }) => ({ label, ...this.#drawable(mesh, reference.up) }));
    this.labels.replaceChildren(...panels.map(({ label }) => el("span", { textContent: label })));
    const shown = panels.map(({ label, name }) => name ?? label).join(" and ");
    this.canvas.hidden = false;
    this.canvas.setAttribute("aria-label", `3D view: ${shown}. Arrow keys turn it, plus and minus zoom, Home resets.`);
    this.say(panels.every(({ mesh }) => mesh.about.faces === 0) ? "This model has no surface." : "");
    this.#dress();
    this.reset();
  }

  /** Removes what is shown. */
  clear() {
    for (const { group, surface, lines } of this.panels) {
      this.scene.remove(group);
      surface.geometry.dispose();
      lines?.geometry.dispose();
    }
    this.panels = [];
    this.labels.replaceChildren();
    this.canvas.hidden = true;
  }

  /** A text in place of a picture; "" for none. */
  say(text) {
    this.message.textContent = text;
    this.message.hidden = text === "";
  }

  /** Colours the surfaces by their error, dark from `end` (source units) on; null for plain surfaces. */
  setErrorEnd(end) {
    this.coloured = end !== null;
    if (this.coloured && this.materials?.coloured.map) this.materials.coloured.map.repeat.x = this.frame.half / end;
    this.#dress();
    this.render();
  }

  setWireframe(on) {
    this.wireframe = on;
    this.#dress();
    this.render();
  }

  /** Back to the first view. */
  reset() {
    if (!this.renderer) return;
    this.touched = false;
    this.controls.target.set(0, 0, 0);
    this.camera.position
      .set(Math.cos(ELEVATION) * Math.sin(AZIMUTH), Math.sin(ELEVATION), Math.cos(ELEVATION) * Math.cos(AZIMUTH))
      .multiplyScalar(this.#fittingDistance());
    this.controls.update();
    this.render();
  }

  render() {
    if (!this.renderer || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height || !this.panels.length) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.renderer.setScissorTest(true);
    this.host.classList.toggle("stacked", this.#stacked());
    this.panels.forEach(({ group }, number) => {
      const [x, y, w, h] = this.#window(number);
      this.camera.aspect = w / h;
      this.camera.updateProjectionMatrix();
      this.renderer.setViewport(x, y, w, h);
      this.renderer.setScissor(x, y, w, h);
      for (const panel of this.panels) panel.group.visible = panel.group === group;
      this.renderer.render(this.scene, this.camera);
    });
  }

  #stacked() {
    return this.host.clientWidth < SIDE_BY_SIDE_FROM;
  }

  /** x, y (from the bottom), width and height of a panel, pixels. */
  #window(number) {
    const { clientWidth: width, clientHeight: height } = this.host;
    const count = Math.max(this.panels.length, 1);
    if (this.#stacked()) return [0, ((count - 1 - number) * height) / count, width, height / count];
    return [(number * width) / count, 0, width / count, height];
  }

  /** How far the camera must be in the first view so that everything is seen. */
  #fittingDistance() {
    const [, , width, height] = this.#window(0);
    const upright = Math.tan((FIELD_OF_VIEW * Math.PI) / 360);
    const across = (upright * width) / height;
    let distance = 0.2;
    for (const { positions } of this.panels)
      for (let i = 0; i < positions.length; i += 3) {
        const [x, y, z] = positions.subarray(i, i + 3);
        const right = x * Math.cos(AZIMUTH) - z * Math.sin(AZIMUTH);
        const ahead = x * Math.sin(AZIMUTH) + z * Math.cos(AZIMUTH);
        const up = y * Math.cos(ELEVATION) - ahead * Math.sin(ELEVATION);
        const near = y * Math.sin(ELEVATION) + ahead * Math.cos(ELEVATION);
        distance = Math.max(distance, near + MARGIN * Math.max(Math.abs(right) / across, Math.abs(up) / upright));
      }
    return distance;
  }

  #drawable(mesh, up) {
    const positions = positionsIn(this.frame, mesh, up);
    const { points, normals } = corners(positions, mesh.faces);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(points, 3));
    geometry.setAttribute("normal", new THREE.BufferAttribute(normals, 3));
    if (mesh.error) {
      // The texture coordinate is the error itself; the texture's scale makes it a share of the scale's end.
      const along = new Float32Array(2 * mesh.faces.length);
      mesh.faces.forEach((vertex, i) => (along[2 * i] = mesh.error[vertex] / this.frame.half));
      geometry.setAttribute("uv", new THREE.BufferAttribute(along, 2));
    }
    const surface = new THREE.Mesh(geometry, this.materials.plain);
    const group = new THREE.Group().add(surface);
    this.scene.add(group);
    return { group, surface, positions, faces: mesh.faces, lines: null };
  }

  /** Gives every panel the material and the lines that are asked for. */
  #dress() {
    if (!this.renderer) return;
    const material = this.coloured && this.materials.coloured.map ? this.materials.coloured : this.materials.plain;
    this.materials.lines.color.set(getComputedStyle(this.host).getPropertyValue("--mesh-line").trim() || "#222");
    for (const panel of this.panels) {
      panel.surface.material = material;
      if (this.wireframe && !panel.lines) {
        const geometry = new THREE.BufferGeometry();
        geometry.setAttribute("position", new THREE.BufferAttribute(edges(panel.positions, panel.faces), 3));
        panel.group.add((panel.lines = new THREE.LineSegments(geometry, this.materials.lines)));
      }
      if (panel.lines) panel.lines.visible = this.wireframe;
    }
  }

  #listen() {
    this.controls = new OrbitControls(this.camera, this.canvas);
    Object.assign(this.controls, { minDistance: 0.3, maxDistance: 60, enableZoom: false });
    this.controls.addEventListener("change", () => this.render());
    this.controls.addEventListener("start", () => (this.touched = true));
    // Until the view is clicked or focused, the wheel scrolls the page.
    this.canvas.addEventListener("focus", () => (this.controls.enableZoom = true));
    this.canvas.addEventListener("blur", () => (this.controls.enableZoom = false));
    this.canvas.addEventListener("pointerdown", () => this.canvas.focus());
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => (this.touched || !this.panels.length ? this.render() : this.reset())).observe(this.host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#dress();
      this.render();
    });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 1 / ZOOM, "=": 1 / ZOOM, "-": ZOOM };
    if (event.key === "Home") this.reset();
    else if (event.key in turns || event.key in zooms) {
      this.touched = true;
      const [across, down] = turns[event.key] ?? [0, 0];
      const place = new THREE.Spherical().setFromVector3(this.camera.position.clone().sub(this.controls.target));
      place.set(place.radius * (zooms[event.key] ?? 1), place.phi + TURN * down, place.theta + TURN * across).makeSafe();
      this.camera.position.setFromSpherical(place).add(this.controls.target);
      this.controls.update();
      this.render();
    } else return;
    event.preventDefault();
  }
}

function makeMaterials() {
  // Both sides of a face are lit alike, for many meshes are not oriented. The offset keeps lines before surfaces.
  const surface = { side: THREE.DoubleSide, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 };
  return {
    plain: new THREE.MeshLambertMaterial({ color: SURFACE, ...surface }),
    coloured: new THREE.MeshLambertMaterial({ color: 0xffffff, ...surface }),
    lines: new THREE.LineBasicMaterial({ transparent: true, opacity: 0.45 }),
  };
}

function rampTexture(ramp) {
  const pixels = Uint8Array.from(ramp.flatMap((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).concat(255)));
  const texture = new THREE.DataTexture(pixels, ramp.length, 1);
  texture.colorSpace = THREE.SRGBColorSpace;
  texture.minFilter = texture.magFilter = THREE.LinearFilter;
  texture.wrapS = THREE.ClampToEdgeWrapping;
  texture.needsUpdate = true;
  return texture;
}
