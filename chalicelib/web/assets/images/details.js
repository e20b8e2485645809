/** What its owner says about an image, changed where it stands: title and tags. */

import { announce, h } from "../base/dom.js";
import { buildForm } from "../app/forms.js";
import { icon } from "../app/icons.js";
import { explain } from "../app/states.js";
import { toast } from "../app/notices.js";
import { t } from "../app/texts.js";
import { titleOf } from "./status.js";

/** @typedef {import("./one_image.js").OneImage} OneImage */

/** The heading, which turns into a field. @param {OneImage} one */
export function titleHeading(one) {
  const heading = h("h1", { tabindex: -1 });
  const edit = h(
    "button",
    { type: "button", class: "plain round", "aria-label": t("image.editTitle"), onclick: () => open() },
    icon("edit"),
  );
  const place = h("div", { class: "title" }, heading, edit);
  one.follow(titleOf, (image) => {
    heading.textContent = titleOf(image);
    document.title = `${titleOf(image)} · Darkroom`;
  });
  const close = () => {
    place.replaceChildren(heading, edit);
    edit.focus();
  };
  const open = () => {
    const form = titleForm(one, close);
    place.replaceChildren(h("h1", { class: "unseen" }, titleOf(one.image)), form);
    form.querySelector("input")?.select();
  };
  return place;
}

/** @param {OneImage} one @param {() => void} close */
function titleForm(one, close) {
  const cancel = h("button", { type: "button", onclick: close }, t("action.cancel"));
  const form = buildForm({
    class: "in-place",
    fields: [{ name: "title", label: t("image.title"), value: one.image.title ?? "", attributes: { maxlength: 200 } }],
    submit: t("action.save"),
    actions: [cancel],
    send: async ({ title }) => {
      await one.change({ title: title.trim() || null });
      announce(t("state.saved"));
      close();
    },
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  return form;
}

/** The tags, and a field for more of them. @param {OneImage} one */
export function tagsEditor(one) {
  const list = h("ul", { class: "tags", "aria-label": t("image.tags") });
  const remove = async (/** @type {string} */ tag) => {
    try {
      await one.change({ tags: one.image.tags.filter((each) => each !== tag) });
      announce(t("state.saved"));
      form.querySelector("input")?.focus();
    } catch (error) {
      toast(explain(error), { isBad: true });
    }
  };
  const form = buildForm({
    class: "in-place",
    fields: [
      { name: "tags", label: t("image.addTag"), hint: t("image.tagsHint"), attributes: { autocomplete: "off" } },
    ],
    submit: t("image.add"),
    isQuiet: true,
    send: async ({ tags }) => {
      const added = tags
        .split(",")
        .map((/** @type {string} */ each) => each.trim())
        .filter(Boolean);
      if (added.length === 0) return;
      await one.change({ tags: [...one.image.tags, ...added] });
      const input = /** @type {HTMLInputElement} */ (form.elements.namedItem("tags"));
      input.value = "";
      input.focus();
      announce(t("state.saved"));
    },
  });
  one.follow(
    (image) => image.tags,
    ({ tags }) => {
      list.hidden = tags.length === 0;
      list.replaceChildren(...tags.map((tag) => tagItem(tag, () => remove(tag))));
    },
  );
  return h("div", null, list, form);
}

/** @param {string} tag @param {() => void} remove */
function tagItem(tag, remove) {
  const address = `#/images?${new URLSearchParams({ tag })}`;
  const attributes = { type: "button", class: "plain", "aria-label": t("image.removeTag", { tag }), onclick: remove };
  return h("li", null, h("a", { href: address }, tag), h("button", attributes, icon("close")));
}
