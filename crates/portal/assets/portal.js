// Keeps a page live: the server sends parts of it as HTML, this puts them in place. Without it every page works, once.
(() => {
  'use strict';
  const body = document.body;
  const live = document.getElementById('live');
  let source;

  const age = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 120) return `${s}s`;
    if (s < 600) return `${Math.floor(s / 60)}m${s % 60}s`;
    if (s < 10800) return `${Math.floor(s / 60)}m`;
    if (s < 28800) return `${Math.floor(s / 3600)}h${Math.floor((s % 3600) / 60)}m`;
    if (s < 172800) return `${Math.floor(s / 3600)}h`;
    return `${Math.floor(s / 86400)}d`;
  };

  const tick = () => {
    for (const time of document.querySelectorAll('time[data-age]')) {
      const text = age((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // Replaces an element, and keeps what the reader has scrolled to.
  const swap = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return;
    const template = document.createElement('template');
    template.innerHTML = html;
    const fresh = template.content.firstElementChild;
    if (!fresh) return;
    const scrolled = old.querySelector('.scroll, pre');
    const place = scrolled && [scrolled.scrollLeft, scrolled.scrollTop];
    old.replaceWith(fresh);
    const target = fresh.querySelector('.scroll, pre');
    if (place && target) [target.scrollLeft, target.scrollTop] = place;
    tick();
  };

  const say = (state, text) => {
    if (!live) return;
    live.dataset.state = state;
    live.textContent = text;
  };

  const connect = (url) => {
    if (!url) return;
    if (source) source.close();
    body.dataset.events = url;
    source = new EventSource(url);
    source.addEventListener('open', () => say('on', 'live'));
    source.addEventListener('error', () => say('off', 'reconnecting'));
    source.addEventListener('part', (event) => {
      const { id, html } = JSON.parse(event.data);
      swap(id, html);
    });
  };

  const load = async (id, url) => {
    const answer = await fetch(url);
    if (answer.ok) swap(id, await answer.text());
  };

  // The filter box acts while one types.
  const filter = document.querySelector('[data-filter]');
  let typing;
  const apply = async () => {
    const query = filter.value ? `?q=${encodeURIComponent(filter.value)}` : '';
    history.replaceState(null, '', `/${query}`);
    await load('applications', `/list${query}`);
    connect(`/events${query}`);
  };
  if (filter) {
    filter.form.addEventListener('submit', (event) => { event.preventDefault(); apply(); });
    filter.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(apply, 120); });
  }

  // An object's YAML opens without leaving the page.
  const open = async (address) => {
    const { pathname, search } = new URL(address, location.href);
    await load('object', `${pathname}/object${search}`);
    connect(`${pathname}/events${search}`);
    const object = document.getElementById('object');
    if (search) object.scrollIntoView({ block: 'start', behavior: 'smooth' });
  };
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-object], a[data-close], #object .actions a');
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const address = new URL(link.getAttribute('href'), location.href);
    if (address.pathname !== location.pathname) return;
    event.preventDefault();
    history.pushState(null, '', address);
    open(address);
  });
  addEventListener('popstate', () => { if (document.getElementById('object')) open(location.href); });

  addEventListener('keydown', (event) => {
    if (event.key === '/' && filter && document.activeElement !== filter) { event.preventDefault(); filter.focus(); }
  });

  setInterval(tick, 1000);
  connect(body.dataset.events);
})();
