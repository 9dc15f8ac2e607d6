"""Five hundred sentences in each of five languages, made by joining clauses in ways that scripts do."""

import random

CLAUSES = {
    "en-us": [
        "the old lighthouse stands above the bay", "nobody knows why whales sing", "she opened the door and waited",
        "in nineteen eighty-four everything changed", "it cost five million dollars", "the rocket left at dawn",
        "for a week the city was quiet", "he could not believe his eyes", "the state-of-the-art machine failed",
        "Doctor Smith did not answer", "we walked through the rain", "water boils at one hundred degrees",
        "the treasure was never found", "you should drink more water", "thousands of birds filled the sky",
        "that is the end of the story", "her grandmother's letters were gone", "I don't think so",
        "the king of France was afraid", "this is how it began",
        "a thousand years ago the sea was higher", "the children laughed at the clown's shoes",
        "pressure rises with depth", "machine learning changed photography",
        "we measured it twice", "the vegetables were fresh and cheap",
        "half of the village had left by Thursday", "its engine weighs almost nothing",
        "through thick and thin they stayed friends", "the judge asked a difficult question",
    ],
    "de": [
        "der alte Leuchtturm steht über der Bucht", "niemand weiß warum Wale singen", "sie öffnete die Tür und wartete",
        "alles hat sich verändert", "es kostete fünf Millionen Euro", "die Rakete startete im Morgengrauen",
        "eine Woche lang war die Stadt still", "er traute seinen Augen nicht", "Wasser kocht bei hundert Grad",
        "wir gingen durch den Regen", "der Schatz wurde nie gefunden", "du solltest mehr Wasser trinken",
        "tausende Vögel füllten den Himmel", "so endet die Geschichte", "die Briefe ihrer Großmutter waren weg",
        "das glaube ich nicht", "der König hatte Angst", "so fing es an", "ich möchte nach Hause", "zwölf große Boxkämpfer jagen",
        "vor tausend Jahren war das Meer höher", "die Kinder lachten über die Schuhe des Clowns",
        "der Druck steigt mit der Tiefe", "Wissenschaft und Geschichte gehören zusammen",
        "wir haben es zweimal gemessen", "das Gemüse war frisch und billig",
        "die Hälfte des Dorfes war am Donnerstag fort", "der Motor wiegt fast nichts",
        "sie blieben Freunde durch dick und dünn", "der Richter stellte eine schwierige Frage",
    ],
    "es": [
        "el viejo faro se alza sobre la bahía", "nadie sabe por qué cantan las ballenas", "ella abrió la puerta y esperó",
        "todo cambió aquel año", "costó cinco millones de dólares", "el cohete despegó al amanecer",
        "la ciudad estuvo tranquila una semana", "no podía creer lo que veía", "el agua hierve a cien grados",
        "caminamos bajo la lluvia", "el tesoro nunca apareció", "deberías beber más agua", "miles de pájaros llenaron el cielo",
        "así termina la historia", "las cartas de su abuela ya no estaban", "no lo creo", "el rey tenía miedo",
        "así empezó todo", "quiero volver a casa", "el niño corrió hacia el río",
        "hace mil años el mar estaba más alto", "los niños se rieron de los zapatos del payaso",
        "la presión aumenta con la profundidad", "la ciencia cambió la fotografía",
        "lo medimos dos veces", "las verduras eran frescas y baratas",
        "el jueves la mitad del pueblo se había ido", "el motor no pesa casi nada",
        "siguieron siendo amigos", "el juez hizo una pregunta difícil",
    ],
    "fr": [
        "le vieux phare domine la baie", "personne ne sait pourquoi les baleines chantent", "elle ouvrit la porte et attendit",
        "tout a changé cette année", "cela coûta cinq millions d'euros", "la fusée partit à l'aube",
        "la ville resta calme une semaine", "il n'en croyait pas ses yeux", "l'eau bout à cent degrés",
        "nous marchions sous la pluie", "le trésor ne fut jamais retrouvé", "tu devrais boire plus d'eau",
        "des milliers d'oiseaux remplirent le ciel", "ainsi finit l'histoire", "les lettres de sa grand-mère avaient disparu",
        "je ne crois pas", "le roi avait peur", "voilà comment tout a commencé", "je veux rentrer", "l'enfant courut vers la rivière",
        "il y a mille ans la mer était plus haute", "les enfants riaient des chaussures du clown",
        "la pression augmente avec la profondeur", "la science a changé la photographie",
        "nous l'avons mesuré deux fois", "les légumes étaient frais et bon marché",
        "jeudi la moitié du village était partie", "le moteur ne pèse presque rien",
        "ils restèrent amis malgré tout", "le juge posa une question difficile",
    ],
    "it": [
        "il vecchio faro domina la baia", "nessuno sa perché le balene cantano", "aprì la porta e aspettò",
        "tutto cambiò quell'anno", "costò cinque milioni di euro", "il razzo partì all'alba",
        "la città rimase tranquilla una settimana", "non credeva ai suoi occhi", "l'acqua bolle a cento gradi",
        "camminavamo sotto la pioggia", "il tesoro non fu mai trovato", "dovresti bere più acqua",
        "migliaia di uccelli riempirono il cielo", "così finisce la storia", "le lettere della nonna erano sparite",
        "non credo", "il re aveva paura", "ecco come cominciò", "voglio tornare a casa", "il bambino corse verso il fiume",
        "mille anni fa il mare era più alto", "i bambini ridevano delle scarpe del pagliaccio",
        "la pressione aumenta con la profondità", "la scienza ha cambiato la fotografia",
        "lo abbiamo misurato due volte", "le verdure erano fresche e a buon mercato",
        "giovedì metà del paese era partita", "il motore non pesa quasi nulla",
        "rimasero amici nonostante tutto", "il giudice fece una domanda difficile",
    ],
}


def sentences() -> list[tuple[str, str]]:
    """(espeak-ng voice, text), five hundred a language."""
    chance = random.Random(7)
    made = []
    for voice, clauses in CLAUSES.items():
        seen = set()
        while len(seen) < 500:
            parts = chance.sample(clauses, chance.choice([1, 1, 2, 2, 3]))
            text = parts[0][0].upper() + parts[0][1:]
            for part in parts[1:]:
                joint = chance.choice([", ", ", ", "; ", ": ", ". ", "! ", "? "])
                text += joint + (part[0].upper() + part[1:] if joint in (". ", "! ", "? ") else part)
            text += chance.choice([".", ".", ".", "!", "?", ""])
            if text not in seen:
                seen.add(text)
                made.append((voice, text))
    return made
