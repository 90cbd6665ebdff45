"""What the answers must be, from the meaning of one small schema. No code is shared with the server.

A relationship is a tuple (type, id, relation, subject), its subject as text."""

SCHEMA = """definition user {}
definition group {
    relation member: user | group#member
}
definition document {
    relation owner: user
    relation viewer: user | group#member | user:*
    relation banned: user
    permission view = (viewer + owner) - banned
    permission edit = %s
}
// version %d
"""
VARIANTS = ("owner", "owner + viewer", "owner & viewer")


def schema_text(variant, version):
    return SCHEMA % (VARIANTS[variant], version)


def text_of(relationship):
    return "%s:%s#%s@%s" % relationship


def parse(text):
    resource, _, subject = text.partition("@")
    object_text, _, relation = resource.partition("#")
    kind, _, ident = object_text.partition(":")
    return kind, ident, relation, subject


class Answers:
    """The answers over one set of relationships."""

    def __init__(self, relationships, schema):
        self.edit = next(v for v in VARIANTS if "permission edit = %s\n" % v in schema)
        self.of = {}
        for kind, ident, relation, subject in relationships:
            self.of.setdefault((kind, ident, relation), set()).add(subject)

    def holds(self, kind, ident, relation, user):
        """Does the relation reach the user, directly, by wildcard or through groups?"""
        seen, waiting = set(), [(kind, ident, relation)]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            for subject in self.of.get(node, ()):
                if subject in (user, "user:*"):
                    return True
                if "#" in subject:
                    group, _, member = subject.partition("#")
                    waiting.append(("group", group.partition(":")[2], member))
        return False

    def allows(self, document, permission, user):
        viewer = self.holds("document", document, "viewer", user)
        owner = self.holds("document", document, "owner", user)
        if permission == "view":
            return (viewer or owner) and not self.holds("document", document, "banned", user)
        return {"owner": owner, "owner + viewer": owner or viewer,
                "owner & viewer": owner and viewer}[self.edit]

    def documents(self):
        return sorted({ident for kind, ident, _ in self.of if kind == "document"})
