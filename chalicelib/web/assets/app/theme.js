// Before anything is drawn: the colors that were chosen here last. Without a choice the system's own are taken.
{
  const theme = localStorage.getItem("darkroom-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
