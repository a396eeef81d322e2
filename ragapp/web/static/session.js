// When the session is over (the server was restarted, or nobody came for half a day) every event is
// refused with 401. Loading the page again begins a new one, or leads to the login.
(() => {
  const PAUSE_MS = 30000;  // a browser that keeps no cookie must not load for ever
  const ask = window.fetch;
  window.fetch = async (...given) => {
    const answer = await ask(...given);
    const last = Number(sessionStorage.getItem('loaded-again') ?? 0);
    if (answer.status === 401 && Date.now() - last > PAUSE_MS) {
      sessionStorage.setItem('loaded-again', String(Date.now()));
      location.reload();
    }
    return answer;
  };
})();
