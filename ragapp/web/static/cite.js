// What the page does by itself, without asking the server: citations, confirmations, copying,
// and following an answer that grows. Everything is delegated, for Gradio redraws its parts.
(() => {
  // The cited sentence being looked at. Gradio redraws the column when an answer ends or the
  // language changes, and the marking must outlive that.
  let looking = null;

  const markEvidence = () => {
    if (!looking) return null;
    for (const group of document.querySelectorAll('#evidence .evidence-group')) {
      group.hidden = group.dataset.exchange !== looking.exchange;
    }
    for (const old of document.querySelectorAll('#evidence .target')) {
      old.classList.remove('target');
    }
    const card = document.getElementById(looking.card);
    if (!card) return null;
    const sentence = card.querySelector(`.sentence[data-start="${looking.start}"]`);
    card.classList.add('target');
    sentence?.classList.add('target');
    return { card, sentence };
  };

  const showEvidence = (mark) => {
    looking = {
      exchange: mark.dataset.exchange,
      card: mark.hash.slice(1),
      start: Number(mark.dataset.start),
    };
    const marked = markEvidence();
    if (!marked) return;
    const { card, sentence } = marked;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    (sentence ?? card).scrollIntoView({ behavior: calm ? 'auto' : 'smooth', block: 'center' });
    card.focus({ preventScroll: true });
  };

  const confirmInPlace = (button) => {
    const row = button.closest('li');
    const asking = button.dataset.step === 'ask';
    row.querySelector('.confirm').hidden = !asking;
    row.querySelector('.delete').hidden = asking;
    row.querySelector(asking ? '[data-step="keep"]' : '.delete').focus();
  };

  const copyAnswer = async (button) => {
    const answer = button.closest('.exchange').querySelector('.answer');
    if (!answer) return;
    const copy = answer.cloneNode(true);
    for (const mark of copy.querySelectorAll('.cite')) mark.replaceWith(`[${mark.textContent}]`);
    document.body.append(copy);
    const text = copy.innerText;
    copy.remove();
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else {  // a LAN address without https has no clipboard
      const area = document.body.appendChild(document.createElement('textarea'));
      area.value = text;
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = button.dataset.done;
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('button, a.cite');
    if (!button) return;
    if (button.matches('.cite')) {
      event.preventDefault();
      showEvidence(button);
    } else if (button.matches('#documents [data-step]')) confirmInPlace(button);
    else if (button.matches('.copy')) copyAnswer(button);
    else if (button.matches('#jump [data-pane]')) {
      document.getElementById(button.dataset.pane)?.scrollIntoView({ block: 'start' });
    }
  });

  // Enter asks. Shift+Enter is a new line, and Enter that ends the choice of a Chinese word in an
  // input method is neither: Gradio must not see these two.
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !event.target.closest?.('#question')) return;
    if (event.shiftKey || event.isComposing || event.keyCode === 229) event.stopPropagation();
  }, true);

  // A thought that the reader has opened stays open while the answer grows.
  const openThoughts = new Set();
  const exchangeOf = (thought) => thought.closest('.exchange').dataset.exchange;
  document.addEventListener('click', (event) => {
    const thought = event.target.closest?.('.thought summary')?.parentElement;
    if (!thought) return;
    openThoughts[thought.open ? 'delete' : 'add'](exchangeOf(thought));  // about to turn
  });

  // Follow the growing answer unless the reader has scrolled up.
  let following = true;
  const watch = (pane) => {
    pane.addEventListener('scroll', () => {
      following = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
    });
    new MutationObserver(() => {
      for (const thought of pane.querySelectorAll('.thought')) {
        thought.open = openThoughts.has(exchangeOf(thought));
      }
      if (following) pane.scrollTop = pane.scrollHeight;
    }).observe(pane, { childList: true, subtree: true, characterData: true });
  };
  const keepMarking = (column) => {
    let latest = null;  // a new question brings its own evidence, and ends the looking
    new MutationObserver(() => {
      const newest = [...column.querySelectorAll('.evidence-group')].at(-1)?.dataset.exchange;
      if (newest === undefined) return;  // cleared, about to be drawn again
      if (newest !== latest) looking = null;
      latest = newest;
      markEvidence();
    }).observe(column, { childList: true, subtree: true });
  };
  const timer = setInterval(() => {
    const pane = document.getElementById('exchanges');
    const column = document.getElementById('evidence');
    if (!pane || !column) return;
    clearInterval(timer);
    watch(pane);
    keepMarking(column);
  }, 100);
})();
