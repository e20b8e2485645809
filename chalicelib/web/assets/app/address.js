/** The page's address, which names the view that is shown. */

/** Goes to another view, like `images?tag=lake`. @param {string} address */
export function go(address) {
  location.hash = `#/${address}`;
}
