/** All words of the page, in English. {names} stand for values; `one` and `other` are forms of a number, `count`. */

export const ENGLISH = {
  // ------------------------------------------------------------------ everywhere
  "nav.skip": "Skip to the content",
  "nav.label": "Views",
  "nav.menu": "Menu",
  "nav.administration": "Administration",
  "nav.docs": "API",
  "nav.theme": "Light or dark",
  "nav.signOut": "Sign out",
  "nav.images": "Images",
  "action.cancel": "Cancel",
  "action.close": "Close",
  "action.continue": "Continue",
  "action.copy": "Copy",
  "action.more": "Show more",
  "action.save": "Save",
  "action.undo": "Undo",
  "state.waiting": "One moment …",
  "state.copied": "Copied",
  "state.saved": "Saved",
  "plot.numbers": "The same as numbers",
  "field.email": "E-mail address",
  "field.password": "Password",
  "field.newPassword": "New password",
  "field.code": "Code",

  // -------------------------------------------------------------------- failures
  // A code of the API: its own message is shown where there is no text here.
  "error.again": "Try again",
  "error.reload": "Load the page again",
  "error.unexpected": "Something went wrong on the server (status {status}). Try again in a moment.",
  "error.unreachable": "The server does not answer. Try again in a moment.",
  "error.offline": "You are offline. What waits goes on when the network is back.",
  "error.updated": "Darkroom was updated. Load the page again; nothing that waits is lost.",
  "error.request": "For support: request {requestId}",
  "error.noView": "There is no such page, or it is not for you.",
  "error.required": "Fill this in.",
  "error.wait": { one: "Try again in {count} second.", other: "Try again in {count} seconds." },
  "error.clipboard": "The browser does not let this page copy. Select the text and copy it yourself.",

  // --------------------------------------------------------------------- welcome
  "welcome.title": "Welcome",
  "welcome.heading": "Put photos in. Get every size back.",
  "welcome.lead":
    "Darkroom checks each photo, makes small, medium and large variants, plain and with a watermark, and tells you " +
    "when they are ready.",

  // --------------------------------------------------------------------- sign in
  "signIn.title": "Sign in",
  "signIn.submit": "Sign in",
  "signIn.stay": "Stay signed in on this device",
  "signIn.newPassword": "This account needs a new password before it can sign in.",
  "signIn.code": "Enter the code that your authenticator app shows.",
  "signIn.endedTitle": "Sign in again",
  "signIn.ended": "Your session has ended. Sign in, and go on where you were: nothing that you typed is lost.",

  // --------------------------------------------------------------------- gallery
  "gallery.none": "No images yet",
  "gallery.noneText": "Photos that you add appear here.",
};
