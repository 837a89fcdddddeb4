"""An endless stream of made-up Ukrainian news, for loads: a few sentences each, no two alike, the same for a seed.

People and firms are invented. The subjects are spread over what a newsroom has, so that topics, sentiment and names
have something to tell.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from pipeline.transcript import Transcript

SOURCES = ("radio-prostir", "vechirni-visti", "step", "portal-dnipro", "obrii", "skhid")
_SHARES = (9, 7, 5, 3, 2, 1)  # of the sources: a few send most
_PEOPLE = ("Олена Гончарук", "Тарас Білик", "Марія Ковтун", "Андрій Семків", "Ірина Лозова", "Павло Дячук")
_FIRST = ("голова ради", "директорка", "міністр", "речниця", "тренерка", "лікар", "інженер", "фермерка")
_PLACES = ("Полтаві", "Львові", "Одесі", "Чернівцях", "Харкові", "Києві", "Ужгороді", "Запоріжжі", "Сумах")
_FIRMS = ("Укрзалізниця", "Верховна Рада", "Національний банк", "Енергоатом", "Червоний Хрест", "Ощадбанк")

# Subject -> sentences; {n} makes a text like no other.
_SUBJECTS: tuple[tuple[str, ...], ...] = (
    (
        "У {place} відкрили нову школу на {n} місць.",
        "Учні писатимуть тут перші контрольні вже восени.",
        "«Ми дуже раді, діти чекали на це роками», сказала {person}.",
    ),
    (
        "Вночі ворог обстріляв околиці міста, пошкоджено {n} будинків.",
        "Рятувальники працюють у {place}, є поранені.",
        "{firm} повідомляє про знеструмлені вулиці.",
        "Це жахлива ніч, розповіла {person}.",
    ),
    (
        "{firm} оприлюднив звіт: прибуток зріс на {n} мільйонів гривень.",
        "Курс валют майже не змінився, інфляція сповільнилася.",
        "Підприємці у {place} скаржаться на дорогі кредити.",
    ),
    (
        "Збірна України перемогла з рахунком {n} : 2 у матчі, що відбувся у {place}.",
        "Тренер {person} подякував уболівальникам за чудову підтримку.",
        "Наступна гра відбудеться в неділю.",
    ),
    (
        "Парламент ухвалив закон про бюджет у другому читанні, за нього віддали {n} голосів.",
        "{first} {person} назвав рішення важливим кроком.",
        "Опозиція критикує документ і готує поправки.",
        "Засідання транслювала {firm}.",
    ),
    (
        "Лікарня у {place} отримала {n} нових апаратів для хворих на серце.",
        "Лікарі зробили першу операцію, пацієнт одужує.",
        "Обладнання передав {firm}, уточнив {first} {person}.",
    ),
    (
        "Через зливу затопило {n} вулиць у {place}.",
        "Синоптики попереджають про вітер і град.",
        "Річка вийшла з берегів, мешканців вивезли човнами.",
    ),
    (
        "У театрі у {place} показали виставу, на яку прийшло {n} глядачів.",
        "Музику написала {person}, оплески не стихали.",
        "Фестиваль триватиме до кінця тижня.",
    ),
    (
        "Суд у {place} розглянув справу про крадіжку {n} тисяч гривень.",
        "Слідчі вилучили документи, підозрюваного взяли під варту.",
        "Адвокат {person} подасть апеляцію.",
    ),
    (
        "Науковці створили датчик, який вимірює забруднення води за {n} секунд.",
        "Дослідження провели в університеті у {place}.",
        "{first} {person} обіцяє відкрити дані для всіх.",
    ),
)
_OTHER_LANGUAGES = (
    ("en", "The river rose by {n} centimetres overnight, and the bridge in the old town was closed to all traffic."),
    ("pl", "W nocy spadło {n} milimetrów deszczu, a most w starym mieście zamknięto dla wszystkich pojazdów."),
)


def stream(seed: int = 2026) -> Iterator[Transcript]:
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        source = chance.choices(SOURCES, _SHARES)[0]
        if chance.random() < 0.02:
            language, text = chance.choice(_OTHER_LANGUAGES)
            yield Transcript(text=text.format(n=number), source=source, language=language, guid=f"news-{seed}-{number}")
            continue
        subject = chance.choice(_SUBJECTS)
        # Of one to three subjects, so that lengths differ as those of news do.
        sentences = [*subject, *(line for more in chance.sample(_SUBJECTS, chance.randrange(3)) for line in more)]
        text = " ".join(
            line.format(
                n=chance.randrange(2, 400) if place else number,
                person=chance.choice(_PEOPLE),
                first=chance.choice(_FIRST),
                place=chance.choice(_PLACES),
                firm=chance.choice(_FIRMS),
            )
            for place, line in enumerate(sentences)
        )
        yield Transcript(text=text, source=source, title=text.partition(".")[0], guid=f"news-{seed}-{number}")
