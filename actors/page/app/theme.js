// Runs before anything is drawn, so that a chosen theme does not flash. No module: modules wait.
(() => {
  try {
    const chosen = localStorage.getItem('luthier-theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch { /* without storage the system's choice stands */ }
})();
