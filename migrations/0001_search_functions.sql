-- How text is folded and matched in searches. Search columns and search terms pass through the
-- same functions, so that both sides always agree.

create schema if not exists radiodeck;
grant usage on schema radiodeck to radiodeck_app;

-- Both are trusted: the owner of the database may create them. Where the cluster's set-up has done so, nothing happens.
create extension if not exists pg_trgm schema public;
create extension if not exists unaccent schema public;

do $$
begin
    if lower('ÄŽΩ') <> 'äžω' then
        raise exception 'the database knows no letters beyond ASCII: create it with a UTF-8 locale, such as C.UTF-8';
    end if;
end
$$;

-- Case, accents and compatibility forms taken away. unaccent() counts as stable because its rules are a file;
-- with the dictionary named and the file left alone the result never changes, which an index needs.
create function radiodeck.fold(text) returns text
    language sql immutable strict parallel safe
    return lower(public.unaccent('public.unaccent'::regdictionary, normalize($1, nfkc)));

-- A pattern for LIKE that finds the text anywhere, with % and _ as themselves.
create function radiodeck.containing(text) returns text
    language sql immutable strict parallel safe
    return '%' || replace(replace(replace($1, '\', '\\'), '%', '\%'), '_', '\_') || '%';
