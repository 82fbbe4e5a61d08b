"""The Russian catalogue, by the parts of the program that say the sentences."""

from __future__ import annotations

from tui.i18n.ru import (
    backends,
    backups,
    bench,
    chat,
    cli,
    commands,
    compatible,
    core,
    doctor,
    domain,
    engine,
    family,
    faults,
    formats,
    hostile,
    images,
    imports,
    inspector,
    kv,
    lore,
    models,
    native,
    network,
    planner,
    profiles,
    sandbox,
    screens,
    server,
    stalls,
    store,
    templates,
    tokens,
    tokens_view,
)

#: Sampler files say the same as samplers do, with file and line before it.
_IN_A_FILE = {
    f"{{file}}, line {{line}}: {english}": f"{{file}}, строка {{line}}: {russian}"
    for english, russian in domain.CATALOGUE.items()
    if "{field}" in english
}

CATALOGUE: dict[str, str] = {
    **_IN_A_FILE,
    **backends.CATALOGUE,
    **bench.CATALOGUE,
    **backups.CATALOGUE,
    **chat.CATALOGUE,
    **cli.CATALOGUE,
    **commands.CATALOGUE,
    **compatible.CATALOGUE,
    **core.CATALOGUE,
    **doctor.CATALOGUE,
    **domain.CATALOGUE,
    **engine.CATALOGUE,
    **family.CATALOGUE,
    **faults.CATALOGUE,
    **formats.CATALOGUE,
    **hostile.CATALOGUE,
    **images.CATALOGUE,
    **imports.CATALOGUE,
    **inspector.CATALOGUE,
    **kv.CATALOGUE,
    **lore.CATALOGUE,
    **models.CATALOGUE,
    **native.CATALOGUE,
    **network.CATALOGUE,
    **planner.CATALOGUE,
    **profiles.CATALOGUE,
    **sandbox.CATALOGUE,
    **screens.CATALOGUE,
    **server.CATALOGUE,
    **stalls.CATALOGUE,
    **store.CATALOGUE,
    **templates.CATALOGUE,
    **tokens.CATALOGUE,
    **tokens_view.CATALOGUE,
}
